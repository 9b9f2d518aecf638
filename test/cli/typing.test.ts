import { spawn } from "node:child_process"
import { existsSync } from "node:fs"
import { afterEach, beforeAll, beforeEach, expect, it } from "vitest"
import { type ApiServer, startApiServer } from "../support/api-server.ts"
import { bundle, makeBundle } from "../support/command.ts"

/** util-linux's, for a terminal of our own. */
const script = "/usr/bin/script"

let server: ApiServer
beforeAll(makeBundle)
beforeEach(async () => {
  server = await startApiServer()
})
afterEach(() => server.close())

const attach = () => {
  const child = spawn(
    script,
    ["-qec", `stty cols 80 rows 24; exec ${process.execPath} ${bundle} sessions attach ses_1`, "/dev/null"],
    {
      env: {
        PATH: process.env["PATH"]!,
        TERM: "xterm",
        PROLIFERATE_URL: server.url,
        PROLIFERATE_TOKEN: "plf_x",
        SHELL: "/bin/sh"
      },
      stdio: ["pipe", "pipe", "inherit"]
    }
  )
  let screen = ""
  const looks = new Set<() => void>()
  child.stdout.setEncoding("utf8").on("data", (text) => {
    screen += text
    for (const look of looks) look()
  })
  const ended = new Promise<number | null>((resolve) => child.on("close", resolve))
  const until = (what: string, isThere: () => boolean) =>
    new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`${what} did not come:\n${JSON.stringify(screen)}`)), 10_000)
      const poll = setInterval(() => look(), 10)
      const look = () => {
        if (!isThere()) return
        clearTimeout(timer)
        clearInterval(poll)
        looks.delete(look)
        resolve()
      }
      looks.add(look)
      look()
    })
  return { type: (text: string) => child.stdin.write(text), screen: () => screen, until, ended }
}

it.skipIf(!existsSync(script))("sends lines as prompts, numbers as answers, and Ctrl-C first to the turn", async () => {
  const at = attach()
  await at.until("the session", () => at.screen().includes("Mend the pager"))
  at.type("Look again\r")
  await at.until("the prompt", () => server.frames.length === 1)
  expect(server.frames[0]).toMatchObject({ type: "prompt", text: "Look again" })

  const turnId = server.frames[0].id
  server.say(
    { kind: "prompt", body: { promptId: turnId, text: "Look again" } },
    { kind: "turn.opened", body: { turnId } },
    { kind: "message", body: { turnId, messageId: "m", delta: "Half a " } },
    { kind: "message", body: { turnId, messageId: "m", delta: "sentence." } },
    {
      kind: "question",
      body: {
        turnId,
        questionId: "q1",
        title: "Write?",
        options: [
          { optionId: "yes", name: "Yes" },
          { optionId: "no", name: "No" }
        ]
      }
    }
  )
  await at.until("the question", () => at.screen().includes("No"))
  at.type("2\r")
  await at.until("the answer", () => server.frames.length === 2)
  expect(server.frames[1]).toMatchObject({ type: "answer", questionId: "q1", optionId: "no" })

  at.type("\u0003")
  await at.until("the interrupt", () => server.frames.length === 3)
  expect(server.frames[2]).toMatchObject({ type: "interrupt" })
  at.type("\u0003")
  expect(await at.ended).toBe(130)
  expect(at.screen()).toContain("it goes on. Come back: proliferate sessions attach ses_1")
})

it.skipIf(!existsSync(script))("keeps what was typed while the connection was away, and sends it once it is back", async () => {
  const at = attach()
  await at.until("the session", () => at.screen().includes("Mend the pager"))
  await server.restart(async () => {
    await at.until("the loss", () => at.screen().includes("connection lost"))
    at.type("Still there?\r")
  })
  await at.until("the prompt", () => server.frames.length === 1)
  expect(server.frames[0]).toMatchObject({ type: "prompt", text: "Still there?" })
  at.type("\u0004")
  expect(await at.ended).toBe(0)
})
