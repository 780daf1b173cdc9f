import * as Tls from "../../src/transport/Tls.ts"
import { transportContract } from "./contract.ts"

transportContract("Tls", Tls.layer, { live: true, maxInFlight: 32 * 1024 * 1024 })
