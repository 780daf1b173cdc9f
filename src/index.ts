/**
 * effect-wendy: servers that find each other, and messages that find the right server.
 *
 * @since 0.1.0
 */
export * as Application from "./Application.ts"
export * as Client from "./Client.ts"
export * as Cluster from "./Cluster.ts"
export * as Inspector from "./Inspector.ts"
export * as Authorization from "./protocol/Authorization.ts"
export * as ClusterConfig from "./protocol/ClusterConfig.ts"
export * as Credentials from "./protocol/Credentials.ts"
export * as Message from "./protocol/Message.ts"
export * as Session from "./protocol/Session.ts"
export * as Node from "./ring/Node.ts"
export * as NodeId from "./ring/NodeId.ts"
export * as Settings from "./Settings.ts"
export * as MemoryTransport from "./transport/Memory.ts"
export * as TcpTransport from "./transport/Tcp.ts"
export * as TlsTransport from "./transport/Tls.ts"
export * as Transport from "./transport/Transport.ts"
