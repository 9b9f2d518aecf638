/**
 * The rules of the import table in README.md and of our style, over sources by path. Each answers with its offences: the file, what
 * is wrong with it, and the cure. Pure, so that a test can plant an offence and see it found.
 */
import { dirname, join } from "node:path"

export type Sources = ReadonlyMap<string, string>
export type Rule = (sources: Sources) => ReadonlyArray<string>

const mayImport: Record<string, ReadonlyArray<string>> = {
  machines: ["machines"],
  runtime: ["runtime"],
  actors: ["actors", "machines", "runtime"],
  adapters: ["adapters", "actors", "machines", "runtime"],
  cli: ["cli", "adapters", "actors", "machines", "runtime"],
  sql: ["sql", "adapters"],
  test: ["test", "cli", "adapters", "actors", "machines", "runtime", "sql"]
}

/** Packages of a layer, where it is not free to choose. */
const packagesOf: Record<string, ReadonlyArray<string>> = {
  machines: ["xstate", "effect", "node:assert"],
  runtime: ["xstate", "effect", "node:assert"],
  actors: ["effect", "node:crypto"]
}

/** Packages that one part alone knows; everyone else knows that part. */
const homesOf: Record<string, ReadonlyArray<string>> = {
  ioredis: ["adapters/redis/"],
  xstate: ["machines/", "runtime/"],
  postgres: ["adapters/postgres/"],
  "uWebSockets.js": ["adapters/gateway/"],
  "@agentclientprotocol/sdk": ["adapters/agent/", "cli/daemon/"],
  ws: ["adapters/gateway/", "adapters/sandbox/", "cli/"],
  e2b: ["adapters/sandbox/e2b/"],
  "@octokit/rest": ["adapters/actions/github/"],
  "@slack/web-api": ["adapters/actions/slack/"],
  "@modelcontextprotocol/sdk": ["adapters/actions/mcp/", "adapters/agent/", "cli/daemon/"],
  elkjs: ["adapters/chart/"]
}

export const linesMax = 300
const marks = ["TO" + "DO", "FIX" + "ME", "XX" + "X", "HA" + "CK"]
const timeAndChance =
  /\b(Date\.now|new Date|performance\.now|hrtime|Math\.random|randomUUID|randomBytes|setTimeout|setInterval|setImmediate)\b/

const isCode = (file: string) => /\.(ts|mjs)$/.test(file)
const folderOf = (file: string) => file.split("/")[0]!
const isProduct = (file: string) => folderOf(file) !== "test"
/** What is one technology, ignorant of the others. */
const adapterOf = (file: string) => file.split("/").slice(0, 2).join("/")

const withoutComments = (text: string) => text.replace(/\/\*[\s\S]*?\*\//g, "").replace(/(^|[^:"'`\\])\/\/.*$/gm, "$1")

/** What a file imports, whatever for: values, types, or on demand. */
export const importsOf = (text: string): ReadonlyArray<string> =>
  [...withoutComments(text).matchAll(/(?:^|[\s;}])(?:from|import)\s*\(?\s*"([^"\n]+)"/g)].map(([, specifier]) => specifier!)

const targetOf = (file: string, specifier: string) => join(dirname(file), specifier)
const packageOf = (specifier: string) =>
  specifier.startsWith("@")
    ? specifier.split("/").slice(0, 2).join("/")
    : specifier.startsWith("node:")
      ? specifier
      : specifier.split("/")[0]!

interface Arrow {
  readonly file: string
  readonly specifier: string
  /** A file of ours, or null for a package. */
  readonly target: string | null
}

const arrowsOf = (sources: Sources): ReadonlyArray<Arrow> =>
  [...sources].flatMap(([file, text]) =>
    isCode(file)
      ? importsOf(text).map((specifier) => ({
          file,
          specifier,
          target: specifier.startsWith(".") ? targetOf(file, specifier) : null
        }))
      : []
  )

export const layers: Rule = (sources) =>
  arrowsOf(sources).flatMap(({ file, target }) => {
    const allowed = mayImport[folderOf(file)]
    return target === null || !isCode(target) || allowed === undefined || allowed.includes(folderOf(target))
      ? []
      : [`${file} imports ${target}: ${folderOf(file)} knows ${allowed.join(", ")} alone; give it a port, or move the code down`]
  })

export const packages: Rule = (sources) =>
  arrowsOf(sources).flatMap(({ file, specifier, target }) => {
    if (target !== null || !isProduct(file)) return []
    const name = packageOf(specifier)
    const allowed = packagesOf[folderOf(file)]
    if (allowed !== undefined && !allowed.includes(name))
      return [`${file} imports ${name}: ${folderOf(file)} may use ${allowed.join(", ")} alone`]
    const homes = homesOf[name]
    return homes === undefined || homes.some((home) => file.startsWith(home))
      ? []
      : [`${file} imports ${name}: that is known to ${homes.join(", ")} alone; go through it`]
  })

export const adapters: Rule = (sources) =>
  arrowsOf(sources).flatMap(({ file, target }) =>
    target !== null && folderOf(file) === "adapters" && folderOf(target) === "adapters" && adapterOf(file) !== adapterOf(target)
      ? [`${file} imports ${target}: adapters know no other adapter; put the two together in cli/`]
      : []
  )

export const cycles: Rule = (sources) => {
  const next = new Map<string, Array<string>>()
  for (const { file, target } of arrowsOf(sources)) if (target !== null) next.set(file, [...(next.get(file) ?? []), target])
  const done = new Set<string>()
  const found: Array<string> = []
  const visit = (file: string, path: ReadonlyArray<string>): void => {
    if (done.has(file)) return
    const start = path.indexOf(file)
    if (start >= 0) {
      found.push(`${[...path.slice(start), file].join(" → ")}: a circle; move what both need into a file of its own`)
      return
    }
    for (const target of next.get(file) ?? []) visit(target, [...path, file])
    done.add(file)
  }
  for (const file of next.keys()) visit(file, [])
  return found
}

export const clocks: Rule = (sources) =>
  [...sources].flatMap(([file, text]) => {
    if (!["machines", "runtime"].includes(folderOf(file)) || !isCode(file)) return []
    const used = withoutComments(text).match(timeAndChance)
    return used === null
      ? []
      : [`${file} uses ${used[0]}: time and chance come from Effect's Clock and Random, or the simulator cannot replay it`]
  })

export const lengths: Rule = (sources) =>
  [...sources].flatMap(([file, text]) => {
    const lines = text.split("\n").length - 1
    return isCode(file) && lines > linesMax
      ? [`${file} has ${lines} lines, ${linesMax} are the limit: it does two things, part them`]
      : []
  })

export const marksLeft: Rule = (sources) =>
  [...sources].flatMap(([file, text]) =>
    marks
      .filter((mark) => new RegExp(`\\b${mark}\\b`).test(text))
      .map((mark) => `${file} says ${mark}: do it now, or file an issue`)
  )

/**
 * A file is imported, or started by the name that another file has for it, or it is one of `entries`, which only people and npm
 * name. `twins` are second adapters, which tests and the simulator alone stand on.
 */
export const unimported =
  ({ entries, twins }: { readonly entries: ReadonlyArray<string>; readonly twins: ReadonlyArray<string> }): Rule =>
  (sources) => {
    const mayNeed = (file: string, target: string) =>
      !isProduct(target) || isProduct(file) || twins.some((twin) => target.startsWith(twin))
    const arrows = arrowsOf(sources).filter(({ file, target }) => target !== null && mayNeed(file, target))
    const imported = new Set(arrows.map(({ target }) => target))
    const isNamed = (target: string) =>
      [...sources].some(
        ([file, text]) =>
          file !== target &&
          mayNeed(file, target) &&
          new RegExp(`["/]${target.split("/").at(-1)!.replaceAll(".", "\\.")}"`).test(text)
      )
    const isStarted = (file: string) => file.endsWith(".test.ts") || entries.includes(file)
    return [
      ...[...sources.keys()]
        .filter((file) => isCode(file) && !imported.has(file) && !isStarted(file) && !isNamed(file))
        .map(
          (file) =>
            `${file} is imported by nobody${isProduct(file) ? " but tests" : ""}: use it, delete it, or name it in test/architecture.test.ts`
        ),
      ...entries
        .filter((entry) => !sources.has(entry) || imported.has(entry))
        .map(
          (entry) =>
            `${entry} is named as an entry point and is ${sources.has(entry) ? "imported" : "not there"}: take it off the list`
        )
    ]
  }

export const unknownTargets: Rule = (sources) =>
  arrowsOf(sources).flatMap(({ file, target }) =>
    target !== null && isCode(target) && !sources.has(target) ? [`${file} imports ${target}, which is not there`] : []
  )

/** A bound says why it is what it is; a second one of a pair may share the comment of the first. */
export const bounds: Rule = (sources) =>
  [...sources].flatMap(([file, text]) => {
    if (!file.endsWith("limits.ts")) return []
    const lines = text.split("\n")
    const isBound = (index: number) => /^export const \w+(Max|Ms)\b/.test(lines[index] ?? "")
    const isExplained = (index: number) => /\*\/\s*$/.test(lines[index - 1] ?? "")
    return lines.flatMap((line, index) =>
      isBound(index) && !isExplained(index) && !(isBound(index - 1) && isExplained(index - 1))
        ? [`${file}:${index + 1} ${line.slice(13, 40).split(" ")[0]} has no doc comment: say why it is this much`]
        : []
    )
  })
