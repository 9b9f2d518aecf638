/** Every machine there is, by name, with what its drawing needs to know of it. A new machine is registered here and nowhere else. */
import { commands as approvalCommands } from "./approval/context.ts"
import { ApprovalRequest } from "./approval/events.ts"
import { approvalMachine } from "./approval.ts"
import type { Charted } from "./chart.ts"
import { commands } from "./session/context.ts"
import { SessionRequest } from "./session/events.ts"
import { sessionMachine } from "./session.ts"

export const machines: Readonly<Record<string, Charted & { readonly about: string }>> = {
  session: {
    about: "one agent in one sandbox, from its first prompt to its end",
    machine: sessionMachine,
    requests: new Set(SessionRequest.members.map(({ fields }) => fields.type.schema.literal)),
    identities: new Set(["isThisBoot", "isThisTurn", "isThisCapture", "isOurs", "isOpenQuestion", "isQueued", "isNewPrompt"]),
    commands: Object.keys(commands),
    variants: { attended: { attended: true }, unattended: { attended: false } }
  },
  approval: {
    about: "one action call, from its request to its settled outcome",
    machine: approvalMachine,
    requests: new Set(ApprovalRequest.members.map(({ fields }) => fields.type.schema.literal)),
    identities: new Set(["isThisWeighing", "isThisAttempt", "isOfAnAttempt"]),
    commands: Object.keys(approvalCommands),
    variants: { attended: { attended: true }, unattended: { attended: false } }
  }
}
