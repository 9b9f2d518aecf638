import { defineConfig } from "vitest/config"

/** Suites that take long for what they add: `.ci/run` runs them, and `DEEP=1 npm test`; `DEEP=only npm test` runs nothing else. */
const deep = [
  "test/agents/real.test.ts",
  "test/checker/broken.test.ts",
  "test/cli/attach.test.ts",
  "test/cli/demo.test.ts",
  "test/cli/doctor-lacks.test.ts",
  "test/cli/doctor.test.ts",
  "test/cli/help.test.ts",
  "test/cli/live.test.ts",
  "test/cli/ops-watch.test.ts",
  "test/cli/pull.test.ts",
  "test/cli/tokens-local.test.ts",
  "test/cluster/away.test.ts",
  "test/cluster/cells.test.ts",
  "test/cluster/failover.test.ts",
  "test/cluster/frozen-call.test.ts",
  "test/cluster/idle-home.test.ts",
  "test/cluster/lost-host.test.ts",
  "test/cluster/rolling.test.ts",
  "test/contract/inbox.test.ts",
  "test/contract/sandboxes-copied.test.ts",
  "test/contract/sandboxes-e2b.test.ts",
  "test/contract/sandboxes-unprivileged.test.ts",
  "test/contract/sandboxes.test.ts",
  "test/e2e/cells.test.ts",
  "test/e2e/e2b.test.ts",
  "test/e2e/escape-bombs.test.ts",
  "test/e2e/escape.test.ts",
  "test/e2e/killing.test.ts",
  "test/e2e/model.test.ts",
  "test/e2e/sandbox-git.test.ts",
  "test/e2e/tools.test.ts",
  "test/postgres/cells-away.test.ts",
  "test/postgres/embedded-users.test.ts",
  "test/postgres/embedded.test.ts",
  "test/postgres/patience.test.ts",
  "test/postgres/retention-killing.test.ts",
  "test/sandbox/crash.test.ts",
  "test/sandbox/e2b.test.ts",
  "test/sandbox/host.test.ts",
  "test/simulation/simulation.test.ts"
]

export default defineConfig({
  test: {
    include: process.env["DEEP"] === "only" ? deep : ["test/**/*.test.ts"],
    exclude: ["**/node_modules/**", ...(process.env["DEEP"] ? [] : deep)],
    // Tests start processes and signal them: each file in a process of its own. Mostly they wait for those.
    pool: "forks",
    maxWorkers: 3,
    globalSetup: "test/support/cluster.ts",
    testTimeout: 20_000,
    hookTimeout: 60_000,
    teardownTimeout: 30_000,
    silent: "passed-only"
  }
})
