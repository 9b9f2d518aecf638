/** The sample project that the demo works on, as a bare repository: `sample.git` in that directory, with one commit on `main`. */
import { execFileSync } from "node:child_process"
import { cpSync } from "node:fs"
import { join } from "node:path"

export const sampleRepository = (directory: string): string => {
  const [sample, repository] = [join(directory, "sample"), join(directory, "sample.git")]
  cpSync(join(import.meta.dirname, "../../cli/sample"), sample, { recursive: true })
  const git = (...args: ReadonlyArray<string>) =>
    execFileSync("git", ["-c", "user.name=test", "-c", "user.email=test@localhost", ...args], { cwd: sample })
  git("init", "-q", "-b", "main")
  git("add", "-A")
  git("commit", "-q", "-m", "sample")
  git("clone", "-q", "--bare", ".", repository)
  return repository
}
