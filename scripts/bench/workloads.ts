/** workloads: all of them, in the order in which they run. */
import type { Workload } from "./Workload.ts"
import { confirmed } from "./workloads/confirmed.ts"
import { forwarded } from "./workloads/forwarded.ts"
import { idle } from "./workloads/idle.ts"
import { joins } from "./workloads/joins.ts"
import { large } from "./workloads/large.ts"
import { oneWay } from "./workloads/oneWay.ts"
import { pacedSends } from "./workloads/paced.ts"
import { rings } from "./workloads/rings.ts"
import { sequential } from "./workloads/sequential.ts"

export const workloads: ReadonlyArray<Workload> = [
  oneWay,
  forwarded,
  sequential,
  confirmed,
  large,
  joins,
  idle,
  rings,
  pacedSends
]
