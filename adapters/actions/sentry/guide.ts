export const guide = {
  overview:
    "Errors that programs report: issues (one for each kind of error), their events with stack traces, and who looks after them.",
  tips: [
    "Slugs are in the address of a Sentry page: https://ORGANISATION.sentry.io/projects/PROJECT/.",
    "Begin with list_issues and a query (`is:unresolved level:error`), then get_issue, then list_issue_events with full=true for stack traces.",
    "update_issue with status `resolved` closes an issue until it comes back; `ignored` silences it.",
    "Assign to a person as `user:ID` or their e-mail address, to a team as `team:ID`; an empty string takes the assignment away."
  ]
}
