/**
 * What the scripted model says. A script is a list of turns; which one runs is named by `SCRIPT:name` in the last user text that has
 * such a mark, and where there is none by what the text asks, or else by the default. Nothing is remembered between requests: how far a
 * script has come is counted in the conversation that each request brings along.
 */

/** A conversation, whatever dialect it came in. */
export type Entry =
  | { readonly role: "user" | "assistant" | "system"; readonly text: string; readonly images?: number }
  | { readonly role: "call" }
  | { readonly role: "result"; readonly text: string }

export interface ToolCall {
  /** `shell` runs `command`; `read` reads the file at `path`. */
  readonly tool: "shell" | "read"
  readonly argument: string
}

export interface Turn {
  readonly thought?: string
  readonly text: string
  readonly calls?: ReadonlyArray<ToolCall>
  /** Between two words. */
  readonly wordMs?: number
}

type Script = (conversation: ReadonlyArray<Entry>) => ReadonlyArray<Turn>

const shell = (argument: string): ToolCall => ({ tool: "shell", argument })
const turns =
  (...list: ReadonlyArray<Turn>): Script =>
  () =>
    list

const words = (count: number) => Array.from({ length: count }, (_, index) => `word${index}`).join(" ")

/** Where the agent says that it works, or nowhere. */
const directoryOf = (conversation: ReadonlyArray<Entry>): string => {
  for (const entry of conversation) {
    const found = entry.role === "call" ? null : /working directory(?: is)?:?\s*`?(\/[^\s`<]+)/i.exec(entry.text)
    if (found) return found[1]!
  }
  return ""
}

const test = "node --test --test-reporter=spec --test-timeout=20000"
const number = /number (\d{6}) belongs to/

export const scripts = {
  hello: turns({ text: "Hello from the scripted model. All is well." }),
  think: turns({ thought: "First I think about it.", text: "Then I say it." }),
  shell: turns({ text: "I make the file.", calls: [shell("echo hi > x.txt && cat x.txt")] }, { text: "Done: x.txt holds hi." }),
  /** Two calls in one turn. */
  both: turns({ text: "Two at once.", calls: [shell("echo one"), shell("echo two")] }, { text: "Both are done." }),
  slow: turns({ text: words(200), wordMs: 100 }),
  long: turns({ text: words(2_000) }),
  sleep: turns({ text: "A long command.", calls: [shell("sleep 60")] }, { text: "It slept." }),
  images: (conversation) => [
    { text: `I see ${conversation.reduce((sum, entry) => sum + ("images" in entry ? (entry.images ?? 0) : 0), 0)} images.` }
  ],

  /** The demo's first turn: the sample's test fails because of a bound; every step is a real tool call. */
  fix: (conversation) => {
    const directory = directoryOf(conversation)
    return [
      { thought: "I run the tests first.", text: "I run the tests.", calls: [shell(test)] },
      {
        text: "The last page is lost. I read the code.",
        calls: [directory === "" ? shell("cat lib/pager.js") : { tool: "read", argument: `${directory}/lib/pager.js` }]
      },
      {
        text: "The loop ends one too early. I mend it.",
        calls: [shell("sed -i 's/start < items.length - 1;/start < items.length;/' lib/pager.js && git diff --stat")]
      },
      { text: "I run the tests again.", calls: [shell(test)] },
      {
        text: "All pass. I note a number of this turn, commit and push.",
        calls: [
          shell(
            'echo "number $(shuf -i 100000-999999 -n 1) belongs to the change in lib/pager.js" | tee "$HOME/.agent-notes.md" && git add lib/pager.js && git commit -q -m "Mend paginate: a bound was off by one" && git push -q origin HEAD && git log -1 --format=%H'
          )
        ]
      },
      { text: "Done. I mended paginate in lib/pager.js, ran the tests, committed and pushed." }
    ]
  },

  /** The demo's second turn: from the conversation, or from the note where the agent forgot it. */
  recall: (conversation) => {
    const said = conversation.flatMap((entry) => (entry.role === "result" ? [number.exec(entry.text)?.[1] ?? []].flat() : []))
    return said.length > 0
      ? [{ text: `I noted: number ${said.at(-1)} belongs to the change.` }]
      : [{ text: "I look it up in my notes.", calls: [shell('cat "$HOME/.agent-notes.md"')] }, { text: "I found no note." }]
  }
} satisfies Record<string, Script>
export type ScriptName = keyof typeof scripts

const marked = (text: string): ScriptName | null => {
  const name = [...text.matchAll(/SCRIPT:(\w+)/g)].at(-1)?.[1]
  return name !== undefined && name in scripts ? (name as ScriptName) : null
}

/** The script, and its turn that comes next: one for each group of tool calls since it was asked for. */
export const nextTurn = (
  conversation: ReadonlyArray<Entry>,
  byDefault: ScriptName
): { readonly script: ScriptName; readonly turn: Turn } => {
  const users = conversation.flatMap((entry, index) => (entry.role === "user" ? [{ index, text: entry.text }] : []))
  const asked = users.findLast(({ text }) => marked(text) !== null) ?? users.at(-1)
  const script =
    (asked && marked(asked.text)) ?? (/\bwhat\b.*\bnoted?\b/is.test(asked?.text ?? "") ? ("recall" as const) : byDefault)
  const since = conversation.slice((asked?.index ?? -1) + 1)
  const step = since.filter(({ role }, index) => role === "call" && since[index - 1]?.role !== "call").length
  const list = scripts[script](conversation)
  return { script, turn: list[Math.min(step, list.length - 1)]! }
}
