/** Which kinds of actors there are: what a server hosts, and what it can say of a command of any of them. */
import type { ActorDefinition, HandsOf } from "../runtime/actor.ts"
import { approvalActor } from "./approval.ts"
import { sessionActor } from "./session.ts"

/** What the hands of all of them need. */
export type ActorHands = HandsOf<typeof sessionActor> | HandsOf<typeof approvalActor>

export const actorKinds: ReadonlyArray<ActorDefinition<ActorHands>> = [sessionActor, approvalActor]
