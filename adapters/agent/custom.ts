/**
 * Agents of the operator's own: `agents.json` in the data directory, any program that speaks ACP on its standard streams.
 *
 *   { "gemini": { "title": "Gemini CLI", "packages": ["@google/gemini-cli@0.61.0"],
 *                 "command": ["{node}", "{directory}/node_modules/@google/gemini-cli/dist/index.js", "--acp"],
 *                 "env": { "SOME_URL": "{modelUrl}", "SOME_KEY": "{token}", "SOME_MODEL": "{model}" }, "dialects": ["chat"] } }
 *
 * A command is run inside the sandbox: its program is one of the host's in /usr, or was installed from `packages`, or was put by
 * hand into the directory of installed agents, which `{agents}` names. Read when the server starts.
 */
import { existsSync, readFileSync } from "node:fs"
import { Schema } from "effect"
import { Dialect } from "../../actors/ports/models.ts"
import { type AgentProgram, modelUrl } from "./program.ts"

export class AgentsFileError extends Schema.TaggedError<AgentsFileError>()("AgentsFileError", { message: Schema.String }) {}

const Pinned = Schema.String.check(
  Schema.isPattern(/^(@[a-z0-9._-]+\/)?[a-z0-9._-]+@\d+\.\d+\.\d+[\w.+-]*$/, {
    message: "must be an npm package with its exact version, such as some-agent@1.2.3"
  })
)
const Custom = Schema.Struct({
  title: Schema.optionalKey(Schema.String),
  command: Schema.Array(Schema.String).check(Schema.isMinLength(1, { message: "must name a program" })),
  env: Schema.optionalKey(Schema.Record(Schema.String, Schema.String)),
  packages: Schema.optionalKey(Schema.Array(Pinned)),
  dialects: Schema.optionalKey(Schema.Array(Dialect)),
  mode: Schema.optionalKey(Schema.String),
  modelOption: Schema.optionalKey(Schema.String)
})
const decode = Schema.decodeUnknownResult(Schema.fromJsonString(Schema.Record(Schema.String, Custom)), {
  onExcessProperty: "error"
})
const isName = (name: string) => /^[a-z0-9][a-z0-9._-]{0,63}$/.test(name)

/** Throws an `AgentsFileError` that says what is wrong with it. */
export const customAgents = (path: string, taken: ReadonlySet<string>): Readonly<Record<string, AgentProgram>> => {
  if (!existsSync(path)) return {}
  const parsed = decode(readFileSync(path, "utf8"))
  const wrong = (what: string) => new AgentsFileError({ message: `${path} cannot be used: ${what}` })
  if (parsed._tag === "Failure") throw wrong(parsed.failure.message.replaceAll(/\s*\n\s*/g, " "))
  for (const name of Object.keys(parsed.success)) {
    if (!isName(name)) throw wrong(`${JSON.stringify(name)} is no name of an agent: small letters, digits, . _ and -`)
    if (taken.has(name)) throw wrong(`${name} is an agent that comes with proliferate; give yours another name`)
  }
  return Object.fromEntries(Object.entries(parsed.success).map(([name, custom]) => [name, programOf(name, custom)]))
}

const programOf = (name: string, custom: typeof Custom.Type): AgentProgram => {
  const { title, command, env = {}, packages = [], dialects = [], mode, modelOption } = custom
  const own = command.find((part) => part.startsWith("{directory}/"))
  return {
    title: title ?? name,
    packages,
    entry: own?.slice("{directory}/".length) ?? null,
    dialects,
    start: (directory, { token }) => {
      const fill = (text: string) =>
        text.replaceAll("{directory}", directory).replaceAll("{modelUrl}", modelUrl).replaceAll("{token}", token)
      return {
        command: command.map(fill),
        env: Object.fromEntries(Object.entries(env).map(([key, value]) => [key, fill(value)])),
        ...(mode !== undefined && { mode }),
        ...(modelOption !== undefined && { modelOption })
      }
    }
  }
}
