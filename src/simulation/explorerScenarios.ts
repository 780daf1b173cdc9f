/**
 * The small rings that are explored exhaustively.
 *
 * @since 0.1.0
 */
import { promptRenewals, type Scenario } from "./Explorer.ts"

const one = (scenario: Partial<Scenario> & Pick<Scenario, "name" | "nodes" | "ring">): Scenario => ({
  joins: [],
  faults: {},
  prompt: promptRenewals,
  horizon: 300,
  maxStates: 100_000,
  ...scenario
})

/**
 * All scenarios, the cheap ones first.
 *
 * @category scenarios
 * @since 0.1.0
 */
export const scenarios: ReadonlyArray<Scenario> = [
  one({ name: "1 ring, 1 join", nodes: ["1", "9"], ring: [0], joins: [[1, 0]], prompt: [] }),
  one({
    name: "2 ring, join, every order",
    nodes: ["1", "6", "b"],
    ring: [0, 2],
    joins: [[1, 0, 2]],
    prompt: [],
    horizon: 60
  }),
  one({
    name: "2 ring, join, crash, every order",
    nodes: ["1", "6", "b"],
    ring: [0, 2],
    joins: [[1, 0, 2]],
    faults: { crash: 1 },
    prompt: [],
    horizon: 30
  }),
  one({
    name: "2 ring, 2 joins, every order",
    nodes: ["1", "4", "8", "c"],
    ring: [0, 3],
    joins: [[1, 0, 3], [2, 3, 0]],
    prompt: [],
    horizon: 30,
    maxStates: 300_000
  }),
  one({ name: "1 ring, 2 joins", nodes: ["1", "6", "b"], ring: [0], joins: [[1, 0], [2, 0]] }),
  one({
    name: "2 ring, 2 joins in one gap (Lu's hole)",
    nodes: ["1", "4", "8", "c"],
    ring: [0, 3],
    joins: [[1, 0], [2, 3]]
  }),
  one({ name: "2 ring, crash", nodes: ["1", "9"], ring: [0, 1], faults: { crash: 1 } }),
  one({ name: "2 ring, vanish", nodes: ["1", "9"], ring: [0, 1], faults: { vanish: 1 } }),
  one({ name: "3 ring, crash", nodes: ["1", "6", "b"], ring: [0, 1, 2], faults: { crash: 1 } }),
  one({ name: "3 ring, vanish", nodes: ["1", "6", "b"], ring: [0, 1, 2], faults: { vanish: 1 } }),
  one({ name: "3 ring, leave", nodes: ["1", "6", "b"], ring: [0, 1, 2], faults: { leave: 1 } }),
  one({ name: "4 ring, crash", nodes: ["1", "4", "8", "c"], ring: [0, 1, 2, 3], faults: { crash: 1 }, victims: [1] }),
  one({
    name: "3 ring, pause",
    nodes: ["1", "6", "b"],
    ring: [0, 1, 2],
    faults: { pause: 1 },
    victims: [1],
    horizon: 500
  }),
  one({ name: "2 ring, join, crash", nodes: ["1", "6", "b"], ring: [0, 2], joins: [[1, 0, 2]], faults: { crash: 1 } }),
  one({
    name: "2 ring, join, vanish",
    nodes: ["1", "6", "b"],
    ring: [0, 2],
    joins: [[1, 0, 2]],
    faults: { vanish: 1 }
  }),
  one({ name: "2 ring, join, leave", nodes: ["1", "6", "b"], ring: [0, 2], joins: [[1, 0, 2]], faults: { leave: 1 } }),
  one({ name: "2 ring, join, lose", nodes: ["1", "6", "b"], ring: [0, 2], joins: [[1, 0, 2]], faults: { lose: 1 } }),
  one({
    name: "2 ring, join, repeat",
    nodes: ["1", "6", "b"],
    ring: [0, 2],
    joins: [[1, 0, 2]],
    faults: { repeat: 1 }
  }),
  one({ name: "2 ring, join, stall", nodes: ["1", "6", "b"], ring: [0, 2], joins: [[1, 0, 2]], faults: { stall: 1 } }),
  one({
    name: "3 ring, join, crash",
    nodes: ["1", "4", "8", "c"],
    ring: [0, 2, 3],
    joins: [[1, 0, 2, 3]],
    faults: { crash: 1 }
  }),
  one({
    name: "2 ring, 2 joins, crash",
    nodes: ["1", "4", "8", "c"],
    ring: [0, 3],
    joins: [[1, 0, 3], [2, 3, 0]],
    faults: { crash: 1 }
  }),
  one({
    name: "3 ring, crash, lose",
    nodes: ["1", "6", "b"],
    ring: [0, 1, 2],
    faults: { crash: 1, lose: 1 },
    prompt: undefined
  }),
  one({
    name: "3 ring, crash, repeat",
    nodes: ["1", "6", "b"],
    ring: [0, 1, 2],
    faults: { crash: 1, repeat: 1 },
    prompt: undefined
  }),
  one({
    name: "3 ring, join, vanish",
    nodes: ["1", "4", "8", "c"],
    ring: [0, 2, 3],
    joins: [[1, 0, 2, 3]],
    faults: { vanish: 1 }
  }),
  one({
    name: "3 ring, join, pause",
    nodes: ["1", "4", "8", "c"],
    ring: [0, 2, 3],
    joins: [[1, 0, 2, 3]],
    faults: { pause: 1 },
    horizon: 500
  }),
  one({ name: "4 ring, 2 crashes", nodes: ["1", "4", "8", "c"], ring: [0, 1, 2, 3], faults: { crash: 2 } }),
  one({
    name: "4 ring, crash, vanish",
    nodes: ["1", "4", "8", "c"],
    ring: [0, 1, 2, 3],
    faults: { crash: 1, vanish: 1 }
  }),
  one({ name: "3 ring, leave, crash", nodes: ["1", "6", "b"], ring: [0, 1, 2], faults: { crash: 1, leave: 1 } }),
  one({ name: "3 ring, 2 leaves", nodes: ["1", "6", "b"], ring: [0, 1, 2], faults: { leave: 2 } }),
  one({
    name: "2 ring, 2 joins, leave",
    nodes: ["1", "4", "8", "c"],
    ring: [0, 3],
    joins: [[1, 0, 3], [2, 3, 0]],
    faults: { leave: 1 }
  })
]
