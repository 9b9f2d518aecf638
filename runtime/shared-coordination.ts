/**
 * Coordination over a server that several processes share, and that may be gone, slow or empty: each question has half a second,
 * then this process answers by itself, and after one that failed for 2 s before the server is asked again (K1). So an outage
 * costs one request in 2 s half a second, and the others nothing.
 */
import { Effect } from "effect"
import { type Coordination, CoordinationError, type CoordinationServer } from "./coordination.ts"
import { coordinationAskMs, coordinationRestMs } from "./limits.ts"
import { localCoordination } from "./local-coordination.ts"
import { steadyMs } from "./steady.ts"

export const sharedCoordination = (name: string, server: CoordinationServer): Coordination["Service"] => {
  const alone = localCoordination()
  let isAway = false
  /** Until then nobody asks; while it is away one asks at a time. */
  let restsUntilMs = 0

  const late = () => Effect.fail(new CoordinationError({ message: `no answer within ${coordinationAskMs} ms` }))

  const away = Effect.fnUntraced(function* ({ message }: CoordinationError) {
    restsUntilMs = (yield* steadyMs) + coordinationRestMs
    if (isAway) return
    isAway = true
    yield* Effect.logWarning(
      `coordination: ${name} does not answer (${message}); rates and watchers are those of this server alone`
    )
  })

  const back = Effect.suspend(() => {
    if (!isAway) return Effect.void
    isAway = false
    restsUntilMs = 0
    return Effect.logInfo(`coordination: ${name} answers again`)
  })

  const asked = <A>(question: Effect.Effect<A, CoordinationError>, otherwise: Effect.Effect<A>): Effect.Effect<A> =>
    Effect.flatMap(steadyMs, (nowMs) => {
      if (nowMs < restsUntilMs) return otherwise
      if (isAway) restsUntilMs = nowMs + coordinationAskMs
      return question.pipe(
        Effect.timeoutOrElse({ duration: coordinationAskMs, orElse: late }),
        Effect.tap(() => back),
        Effect.catch((error) => Effect.andThen(away(error), otherwise))
      )
    })

  return {
    name,
    isShared: true,
    take: (key, rate) => asked(server.take(key, rate), alone.take(key, rate)),
    // What is of this process is known here as well, for the time when the server is away.
    enter: (room, entry, forMs) =>
      Effect.andThen(alone.enter(room, entry, forMs), asked(server.enter(room, entry, forMs), Effect.void)),
    leave: (room, who, says) => Effect.andThen(alone.leave(room, who, says), asked(server.leave(room, who, says), Effect.void)),
    present: (room) => asked(server.present(room), alone.present(room)),
    publish: (topic, word) => asked(server.publish(topic, word), Effect.void),
    subscribe: server.subscribe
  }
}
