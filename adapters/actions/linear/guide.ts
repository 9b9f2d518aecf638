export const guide = {
  overview: "Linear's issues: what a team has to do, who does it, and how far it is.",
  tips: [
    "An issue is named by its identifier, like ENG-123, wherever an id is asked for.",
    "Teams, states and projects are named by UUIDs: list_teams has those of teams and states, an issue has those of its own.",
    "To close an issue, update_issue with the stateId of a state whose type is `completed`.",
    "Texts are Markdown. `labelIds` replaces the labels that are there."
  ]
}
