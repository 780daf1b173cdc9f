/** An application that hangs, under load: what it does not take waits, and no other application does. */
import { assert, describe, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as Client from "../../src/Client.ts"
import * as Message from "../../src/protocol/Message.ts"
import * as NodeId from "../../src/ring/NodeId.ts"
import * as Memory from "../../src/transport/Memory.ts"
import { makeHarness, passing } from "../ClusterHarness.ts"
import { type Harness, idOf } from "./Rig.ts"

const Hung = Message.define("Hung", { purpose: 16, value: Message.bytes })
