/**
 * The gateway: HTTP and WebSockets on one port, over uWebSockets.js, or over node where that cannot be loaded. One fibre answers
 * one request or speaks with one socket. At most 256 requests are under way, not
 * counting those whose body is still to come (arrivals.ts), and 10,000 sockets open; the next hears 503.
 *
 * Going away: no new connections, sockets are told to come back (1001), requests have 5 s to end, what is left is cut.
 */
import { setTimeout as real } from "node:timers/promises"
import { Clock, Context, Effect, FiberSet, Layer } from "effect"
import { Access, type Pass, type Verb } from "../../actors/services/access.ts"
import { Inbox } from "../../actors/services/inbox.ts"
import { Sessions } from "../../actors/services/sessions.ts"
import { Coordination } from "../../runtime/coordination.ts"
import { Feeds } from "../../runtime/feeds.ts"
import { Arrivals } from "./arrivals.ts"
import { admitting } from "./door.ts"
import { nextOf } from "./follow.ts"
import { Api, decoded, type Head, refuse, tokenFrom } from "./http.ts"
import { makeInStep } from "./in-step.ts"
import { converseInbox } from "./inbox-socket.ts"
import { overNode } from "./over-node.ts"
import { overUws } from "./over-uws.ts"
import { makePresence } from "./presence.ts"
import { type Failure, HttpError, refusalOf } from "./problem.ts"
import { converse } from "./socket.ts"
import type { Door, Ear, GatewayError, Transport, Wire } from "./transport.ts"
import { loadUws } from "./uws.ts"

const requestsInFlightMax = 256
const socketsMax = 10_000
const endWithinMs = 5_000
const endPollMs = 20
/** For close frames to leave before their connections are cut. */
const farewellMs = 100

const streamPath = /^\/v1\/sessions\/([A-Za-z0-9_.:-]{1,128})\/stream$/
const tokenProtocol = /^bearer\.(\S+)$/

export interface GatewayOptions {
  readonly host: string
  /** 0: any that is free. */
  readonly port: number
  readonly transport?: Transport
}

/** The one there is: uWebSockets.js, or what stands in for it. */
const available = (): Transport => {
  const loaded = loadUws()
  return loaded.uws === null ? overNode(loaded.why) : overUws(loaded.uws, loaded.how)
}

const busy = new HttpError({ status: 503, message: "too many requests at once; try again", headers: {} })
const full = new HttpError({ status: 503, message: "too many sockets are open; try again", headers: {} })

/** A browser cannot set a header on a WebSocket; it offers the token as a subprotocol. */
const tokenOf = ({ headers }: Head): string | null => {
  const offered = (headers["sec-websocket-protocol"] ?? "").split(/ *, */)
  return tokenFrom(headers) ?? offered.map((name) => tokenProtocol.exec(name)?.[1]).find((token) => token !== undefined) ?? null
}

const urlOf = (host: string, port: number): string => {
  const reachable = host === "0.0.0.0" ? "127.0.0.1" : host === "::" ? "::1" : host
  return `http://${reachable.includes(":") ? `[${reachable}]` : reachable}:${port}`
}

export class Gateway extends Context.Service<
  Gateway,
  {
    readonly url: string
    readonly port: number
    /** For people: what it runs on. */
    readonly transport: string
  }
>()("proliferate/adapters/gateway/Gateway") {
  static readonly layer = ({
    host,
    port,
    transport = available()
  }: GatewayOptions): Layer.Layer<Gateway, GatewayError, Api | Access | Inbox | Sessions | Feeds | Coordination> =>
    Layer.effect(
      Gateway,
      Effect.gen(function* () {
        const { handle } = yield* Api
        const access = yield* Access
        const fork = yield* FiberSet.runtime(yield* FiberSet.make<void>())()
        const [presence, coordination] = [yield* makePresence(fork), yield* Coordination]
        const [sessions, feeds, clock] = [yield* Sessions, yield* Feeds, yield* Clock.Clock]
        const inStep = makeInStep(nextOf(feeds), fork)
        const around = { access, inbox: yield* Inbox, sessions, feeds, presence, inStep, coordination, clock, fork }
        const wires = new Set<Wire>()
        let inFlight = 0

        /** Remembers the socket for as long as it is open. */
        const entered = (wire: Wire, ear: Ear): Ear => {
          wires.add(wire)
          return {
            ...ear,
            closed: () => {
              wires.delete(wire)
              ear.closed()
            }
          }
        }

        const arrivals = new Arrivals()
        const request = (head: Head, body: Effect.Effect<Uint8Array>) =>
          Effect.suspend(() => {
            if (inFlight >= requestsInFlightMax) return Effect.succeed(refuse(refusalOf(busy)))
            inFlight += 1
            let isInside = true
            const stepOut = () => {
              if (isInside) inFlight -= 1
              isInside = false
            }
            const stepIn = Effect.suspend(() => {
              if (inFlight >= requestsInFlightMax) return Effect.fail(busy)
              inFlight += 1
              isInside = true
              return Effect.void
            })
            const arriving = (who: string | null) =>
              Effect.tap(
                Effect.suspend(() => {
                  stepOut()
                  return arrivals.wait(who, head, body)
                }),
                () => stepIn
              )
            return Effect.ensuring(handle(head, arriving), Effect.sync(stepOut))
          })

        const doorOf = <V extends Verb>(
          check: Effect.Effect<Pass<V>, Failure>,
          enter: (pass: Pass<V>, wire: Wire) => Ear
        ): Door => ({
          open: (wire) => {
            const mayEnter = wires.size >= socketsMax ? Effect.fail(full) : check
            return entered(
              wire,
              admitting(wire, mayEnter, (pass) => enter(pass, wire), fork)
            )
          }
        })

        const admit = (head: Head): Door | null => {
          const path = decoded(head.path)
          const token = tokenOf(head)
          if (path === "/v1/inbox/stream")
            return doorOf(access.check(token, "approvals.read"), (pass, wire) => converseInbox({ pass, token }, around, wire))
          const sessionId = streamPath.exec(path)?.[1]
          return sessionId === undefined
            ? null
            : doorOf(access.check(token, "session.read", sessionId), (pass, wire) => converse({ pass, token }, around, wire))
        }

        const listening = yield* transport.listen(host, port, { request, admit, fork })

        yield* Effect.addFinalizer(() =>
          Effect.promise(async () => {
            listening.stop()
            const hadSockets = wires.size > 0
            for (const wire of [...wires]) wire.end(1001, "the server is going away; come back with your cursor")
            for (let waited = 0; inFlight + arrivals.count > 0 && waited < endWithinMs; waited += endPollMs) await real(endPollMs)
            if (hadSockets) await real(farewellMs)
            listening.close()
          })
        )
        return Gateway.of({ url: urlOf(host, listening.port), port: listening.port, transport: transport.name })
      })
    )
}
