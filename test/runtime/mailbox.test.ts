import { Effect, Fiber } from "effect"
import { assert, it } from "vitest"
import { mailboxMessagesMax } from "../../runtime/limits.ts"
import { Mailbox } from "../../runtime/mailbox.ts"
import { Timeline } from "../support/timeline.ts"

const reader = () => {
  const timeline = new Timeline("mailbox")
  const lane = timeline.lane("reader")
  const mailbox = new Mailbox<number>()
  const pass = () => timeline.run(timeline.nowMs + 1)
  return { lane, mailbox, pass, take: () => lane.fork(mailbox.take), got: (fiber: Fiber.Fiber<number>) => fiber.pollUnsafe() }
}

it("hands over what waits, oldest first", () => {
  const { mailbox, take, got, lane } = reader()
  for (const message of [1, 2, 3]) mailbox.offer(message)
  const all = lane.fork(Effect.all([mailbox.take, mailbox.take, mailbox.take]))
  assert.deepStrictEqual(Effect.runSync(all.pollUnsafe()!), [1, 2, 3])
  assert.isUndefined(got(take()))
})

it("wakes a reader that waits, without keeping the message", () => {
  const { mailbox, take, got } = reader()
  const waiting = take()
  mailbox.offer(1)
  assert.strictEqual(mailbox.size, 0)
  assert.strictEqual(Effect.runSync(got(waiting)!), 1)
})

it("keeps a message for the next reader when the one that waited has left", () => {
  const { mailbox, take, got, lane, pass } = reader()
  const left = take()
  lane.fork(Fiber.interrupt(left))
  pass()
  mailbox.offer(1)
  assert.strictEqual(mailbox.size, 1)
  assert.strictEqual(Effect.runSync(got(take())!), 1)
})

it("refuses at once when it is full", () => {
  const { mailbox } = reader()
  for (let message = 0; message < mailboxMessagesMax; message++) assert.isTrue(mailbox.offer(message))
  assert.isFalse(mailbox.offer(mailboxMessagesMax))
  assert.strictEqual(mailbox.clear().length, mailboxMessagesMax)
  assert.isTrue(mailbox.offer(0))
})
