export const guide = {
  overview: "Repositories on GitHub: issues, pull requests, checks, workflow runs and their logs, files, releases.",
  tips: [
    "`owner` and `repo` are the two parts of a repository's name: acme/api is owner `acme`, repo `api`.",
    "Commits and branches are pushed by git from your workspace, not by an action; create_pull_request needs the branch to be pushed.",
    "When checks fail: list_checks for the branch, list_runs with status `failure`, list_jobs of the run, get_job_log of the job that failed.",
    "A comment, an issue and a pull request carry an unseen mark at their end, by which they are found if an answer is lost.",
    "Lists are cut to what can be shown: ask for less with per_page, and go on with page.",
    "merge_pull_request wants the sha of the head that you looked at, from get_pull_request; it, close_pull_request, delete_branch and create_release are refused unless an administrator allowed to ask for them."
  ]
}
