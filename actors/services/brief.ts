/**
 * What an agent may do at services now, as the Markdown file that lies in its workspace: each service, what becomes of a call of each
 * of its actions, the grants that let it, and the commands. No secret is in it, and nothing that changes by time alone, so that it is
 * written again when there is something new. 16 KB at most: what does not fit is left out from the end of each line, then by lines.
 */
import { verdictText } from "./guide.ts"
import type { ListedAction, ListedIntegration } from "./listed.ts"
import { type Tool, toolsOf } from "./tools.ts"

export const briefBytesMax = 16_384

const oneLine = (text: string): string => text.replaceAll(/[\s\p{Cc}]+/gu, " ").trim()

/** Names and words of connectors are strangers': one line, and no Markdown. */
const plain = (text: string, charactersMax: number): string => {
  const line = text.replaceAll(/[\s\p{Cc}`|<>[\]#*]+/gu, " ").trim()
  return line.length <= charactersMax ? line : `${line.slice(0, charactersMax - 1)}…`
}

const modes: Readonly<Record<ListedAction["verdict"], string>> = { run: "allow", ask: "asks a person", deny: "refused" }

const commands = `## How

\`\`\`sh
proliferate actions list                 # all of this, as it is at that moment
proliferate actions guide SERVICE        # how its actions are called, with commands that are ready to run
proliferate actions run --integration SERVICE --action ACTION --params '{"name":"value"}'
proliferate actions status --id apr_…    # what became of a call
proliferate actions history              # the calls of this session
proliferate actions grant request --integration SERVICE --action ACTION --reason WHY   # ask to be lent a permission
proliferate actions grants list          # what was lent, and what was asked for
\`\`\`

\`run\` waits with a call that a person must decide, up to 100 s. It exits with 0 done, 2 the arguments are wrong, 3 refused or denied,
4 nobody decided in time, 5 the service did not do it, 6 a limit, 7 pending: then go on with other work, the outcome comes to you as a
prompt, and asking again would ask twice. The same is there as tools of the MCP server \`proliferate\`, where your program offers them.`

const head = `# What you may do at services

Written by the server for this session, and again at the start of a turn when it has changed. No key of a service is in this sandbox
and you need none: calls are made by the server. *allow*: it runs at once. *asks a person*: it waits for one, who may say no.
*refused*: not by you, whatever you try.`

const evidence = `## Evidence

Put what shows that your work does what it should (screenshots, logs of tests) into \`.proliferate/.verification/\`, then use the tool
\`verify\`: it is kept for the people who read your work.`

const lineOf = (action: ListedAction, tool: Tool | undefined, level: number): string => {
  const mode = modes[action.verdict]
  const more = action.depends || action.granted.length > 0 ? ` (a call of it ${verdictText(action)})` : ""
  const said = level === 0 ? `: ${plain(action.description, 120)}` : ""
  const named = tool === undefined || level > 0 ? "" : `, tool \`${tool.name}\``
  return `- \`${plain(action.name, 128)}\` — ${mode}${more}, a ${action.risk}${named}${said}`
}

const serviceText = (one: ListedIntegration, tools: ReadonlyMap<string, Tool>, level: number): string => {
  const title = `## ${plain(one.displayName, 60)} (\`${plain(one.integration, 60)}\`)`
  if (!one.usable) return `${title}\n\nNot usable now: ${oneLine(one.trouble ?? "").slice(0, 300)}.`
  const toolFor = ({ name }: ListedAction) => tools.get(`${one.integration}\0${name}`)
  if (level < 2) return `${title}\n\n${one.actions.map((action) => lineOf(action, toolFor(action), level)).join("\n")}`
  const of = (verdict: ListedAction["verdict"]) => one.actions.filter((action) => action.verdict === verdict).length
  return `${title}\n\n${of("run")} allowed, ${of("ask")} that ask a person, ${of("deny")} refused: \`proliferate actions guide ${plain(one.integration, 60)}\``
}

const grantsText = (all: ReadonlyArray<ListedIntegration>): string => {
  const lines = new Map<string, string>()
  for (const { integration, actions } of all)
    for (const { name, granted } of actions)
      for (const { grantId, usesLeft, expiresAtMs } of granted) {
        const uses = usesLeft === null ? "as often as needed" : `${usesLeft} more time${usesLeft === 1 ? "" : "s"}`
        const until = new Date(expiresAtMs).toISOString().replace(/:\d\d\.\d+Z$/, " UTC")
        const known = lines.get(grantId)
        lines.set(
          grantId,
          known === undefined
            ? `- \`${grantId}\`: ${plain(integration, 60)}.${plain(name, 128)}, ${uses}, until ${until.replace("T", " ")}`
            : known.replace(/(?: and others)?, /, " and others, ")
        )
      }
  return lines.size === 0
    ? "## Grants\n\nNothing was lent to this session."
    : `## Grants\n\nWhat they cover runs without asking.\n\n${[...lines.values()].slice(0, 50).join("\n")}`
}

export const briefOf = (all: ReadonlyArray<ListedIntegration>): string => {
  const tools = new Map(toolsOf(all).map((tool) => [`${tool.integration}\0${tool.action}`, tool]))
  const none = "## Services\n\nNo service is connected. An administrator connects one: `proliferate connections add`."
  const at = (level: number) =>
    [head, ...(all.length === 0 ? [none] : all.map((one) => serviceText(one, tools, level))), grantsText(all), commands, evidence]
      .join("\n\n")
      .concat("\n")
  const text = [0, 1, 2].map(at).find((whole) => Buffer.byteLength(whole) <= briefBytesMax)
  if (text !== undefined) return text
  const rest = `${[head, "There is more than fits here: `proliferate actions list` shows it.", commands].join("\n\n")}\n`
  return rest
}
