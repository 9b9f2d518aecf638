/** Does exactly the steps that the prompt gives as JSON: `run: [{"say":"hello"},{"run":"ls"},…]`. For tests and for trying things out. */
import { Option, Schema } from "effect"
import type { Script, Turn } from "./turn.ts"

const Step = Schema.Union([
  Schema.Struct({ say: Schema.String }),
  Schema.Struct({ think: Schema.String }),
  Schema.Struct({ run: Schema.String }),
  Schema.Struct({ read: Schema.String }),
  Schema.Struct({ edit: Schema.String, from: Schema.String, to: Schema.String }),
  Schema.Struct({ write: Schema.String, text: Schema.String }),
  Schema.Struct({ plan: Schema.Array(Schema.String) }),
  Schema.Struct({ usage: Schema.Int }),
  Schema.Struct({ ask: Schema.String }),
  /** Tells which tools the client offers over MCP, and how often it was said that there are others. */
  Schema.Struct({ tools: Schema.Literal(true) }),
  Schema.Struct({ call: Schema.String, args: Schema.optionalKey(Schema.Record(Schema.String, Schema.Unknown)) }),
  Schema.Struct({ sleep: Schema.Int }),
  Schema.Struct({ stderr: Schema.String }),
  /** So many pieces, each its number padded to `size` characters; `tool` makes each a tool call instead. */
  Schema.Struct({ flood: Schema.Int, size: Schema.optionalKey(Schema.Int), tool: Schema.optionalKey(Schema.Boolean) }),
  /** So many lines that are not JSON. */
  Schema.Struct({ malformed: Schema.Int }),
  /** An update of this body, whatever it is. */
  Schema.Struct({ send: Schema.Record(Schema.String, Schema.Unknown) }),
  Schema.Struct({ exit: Schema.Int }),
  Schema.Struct({ crash: Schema.Literal(true) }),
  /** Answers nothing any more, a cancel neither. */
  Schema.Struct({ hang: Schema.Literal(true) })
])
const Steps = Schema.fromJsonString(Schema.Array(Step))

export const steps: Script = async (turn) => {
  const told = Option.getOrNull(Schema.decodeUnknownOption(Steps)(turn.prompt.replace(/^\s*run:/, "")))
  if (told === null) return turn.say("These steps are not ones I know.")
  for (const step of told) await take(step, turn)
}

const take = async (step: typeof Step.Type, turn: Turn): Promise<unknown> => {
  if ("say" in step) return turn.say(step.say)
  if ("think" in step) return turn.think(step.think)
  if ("run" in step) return turn.tools.run(step.run)
  if ("read" in step) return turn.tools.read(step.read).catch(() => "")
  if ("edit" in step) return turn.tools.edit(step.edit, step.from, step.to)
  if ("write" in step) return turn.tools.write(step.write, step.text)
  if ("plan" in step) return turn.plan(step.plan, 0)
  if ("usage" in step) return turn.send({ sessionUpdate: "usage_update", used: step.usage, size: 200_000 })
  if ("ask" in step) return turn.say((await turn.ask(step.ask)) ? "allowed" : "refused")
  if ("tools" in step)
    return turn.say(
      `tools: ${(await turn.remote.list()).map(({ name }) => name).join(" ")}; changed ${turn.remote.changes()} times`
    )
  if ("call" in step) return turn.tools.call(step.call, step.args ?? {})
  if ("sleep" in step) return turn.sleep(step.sleep)
  if ("stderr" in step) return process.stderr.write(step.stderr)
  if ("flood" in step) return flood(step.flood, step.size ?? 0, step.tool ?? false, turn)
  if ("malformed" in step) return process.stdout.write("this is not JSON\n".repeat(step.malformed))
  if ("send" in step) return turn.send(step.send as never)
  if ("exit" in step) return process.exit(step.exit)
  if ("crash" in step) return process.kill(process.pid, "SIGKILL")
  return new Promise(() => {})
}

const flood = async (count: number, size: number, isTool: boolean, { send }: Turn) => {
  for (let number = 1; number <= count; number += 1) {
    const text = `${String(number).padEnd(size, ".")}\n`
    if (isTool)
      await send({ sessionUpdate: "tool_call", toolCallId: `flood-${number}`, title: text, kind: "other", status: "completed" })
    else await send({ sessionUpdate: "agent_message_chunk", content: { type: "text", text } })
  }
}
