/** The import table of README.md and the rules of our style, as a test: an arrow that is not in the table is a mistake. */
import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "vitest"
import {
  adapters,
  bounds,
  clocks,
  cycles,
  importsOf,
  layers,
  lengths,
  linesMax,
  marksLeft,
  packages,
  type Rule,
  unimported,
  unknownTargets
} from "./support/architecture.ts"

const root = join(import.meta.dirname, "..")
const folders = ["machines", "runtime", "actors", "adapters", "cli", "sql", "test"]
/** The bundle is made, the sample is a stranger's project, and what benchmarks install is others'. */
const notOurs = /^cli\/(dist|sample)\/|\/node_modules\//

/** Started by npm or by a person: see package.json. */
const entries = [
  "cli/demo.ts",
  "cli/demo/record.ts",
  "cli/bootstrap.mjs",
  "cli/bundle.mjs",
  "cli/daemon/main.ts",
  "cli/doctor/main.ts",
  "adapters/agent/scripted/main.ts",
  "sql/dump.ts",
  "test/run.ts",
  "test/bench/bench.ts",
  "test/chaos/chaos.ts",
  "test/chaos/skewed-clock.ts",
  "test/support/model-server.ts",
  "test/simulation/simulate.ts"
]
/** The ports' adapters in memory: for the simulator and the contract suites. */
const twins = ["adapters/memory/"]
const used = unimported({ entries, twins })

const sources = new Map(
  folders
    .flatMap((folder) => readdirSync(join(root, folder), { recursive: true, encoding: "utf8" }).map((file) => join(folder, file)))
    .filter((file) => /\.(ts|mjs|sql|md)$/.test(file) && !notOurs.test(file))
    .sort()
    .map((file) => [file, readFileSync(join(root, file), "utf8")])
)

const imports = (...specifiers: ReadonlyArray<string>) => specifiers.map((specifier) => `import x from "${specifier}"\n`).join("")

/** Each rule, and an offence planted to see that it would be found. */
const rules: ReadonlyArray<readonly [string, Rule, Record<string, string>]> = [
  ["layers import downwards alone", layers, { "machines/a.ts": imports("../runtime/b.ts") }],
  ["a layer uses its own packages alone", packages, { "machines/a.ts": imports("node:fs") }],
  ["a technology is known to its adapter alone", packages, { "cli/a.ts": imports("postgres") }],
  ["no adapter knows another", adapters, { "adapters/redis/a.ts": imports("../postgres/b.ts") }],
  [
    "no files import each other in a circle",
    cycles,
    { "cli/a.ts": imports("./b.ts"), "cli/b.ts": imports("./c.ts"), "cli/c.ts": imports("./a.ts") }
  ],
  ["time and chance come from Effect", clocks, { "runtime/a.ts": "const at = Date.now()\n" }],
  [`no file is longer than ${linesMax} lines`, lengths, { "cli/a.ts": "\n".repeat(linesMax + 1) }],
  ["nothing is put off", marksLeft, { "sql/a.sql": `-- ${"TO"}${"DO"}: an index\n` }],
  [
    "every file is used",
    used,
    {
      ...Object.fromEntries(entries.map((entry) => [entry, ""])),
      "cli/a.ts": "export const a = 1\n",
      "test/a.test.ts": imports("../cli/a.ts")
    }
  ],
  ["every file that is imported is there", unknownTargets, { "cli/a.ts": imports("./gone.ts") }],
  ["every bound says why", bounds, { "runtime/limits.ts": "const x = 1\nexport const waitMs = 1\n" }]
]

describe("the architecture", () => {
  it("was read", () => {
    assert.isAbove(sources.size, 100)
    for (const folder of folders)
      assert.isTrue(
        [...sources.keys()].some((file) => file.startsWith(`${folder}/`)),
        folder
      )
  })

  it.each(rules)("%s", (_, rule) => {
    const offences = rule(sources)
    assert.deepStrictEqual(offences, [], `\n${offences.join("\n")}\n`)
  })

  it.each(rules)("would show it, were it not so that %s", (_, rule, planted) => {
    assert.strictEqual(rule(new Map(Object.entries(planted))).length, 1)
  })

  it("sees every kind of import, and none in a comment", () => {
    const text = `
      @ type { A } of "./a.ts"
      @ {
        b
      } of "./b.ts"
      @ "./c.ts"
      export { d } of "./d.ts"
      const e = await @("./e.ts")
      // @ { no } of "./comment.ts"
      /* export * of "./comment.ts" */
    `
    assert.deepStrictEqual(importsOf(text.replaceAll("@", "import").replaceAll(" of ", " from ")), [
      "./a.ts",
      "./b.ts",
      "./c.ts",
      "./d.ts",
      "./e.ts"
    ])
  })
})
