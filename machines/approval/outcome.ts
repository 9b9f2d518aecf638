/** How an action call ended, in words for the agent that asked. */
import type { ApprovalContext } from "./context.ts"

const how = (status: string, { decidedBy, reason }: ApprovalContext): string => {
  if (status !== "failed") return status === "denied" && decidedBy === "person" ? "was denied by a person" : `was ${status}`
  return reason === "outcome-unknown" ? "may or may not have taken effect: nobody could find out" : "failed"
}

export const outcomeText = (context: ApprovalContext, status: string): string => {
  const { approvalId, integration, action, message, result } = context
  const why = message === null || message === "" ? "" : `: ${message}`
  const came = status === "completed" && result !== null ? `\n\nIts result:\n${JSON.stringify(result)}` : ""
  return `Your action ${integration}.${action} (${approvalId}) ${how(status, context)}${why}.${came}`
}
