/** What every journal promises (runtime/journal.ts), J1 to J5. */
import { layer } from "@effect/vitest"
import type { Layer } from "effect"
import { budgets } from "./journal/budgets.ts"
import { claims } from "./journal/claims.ts"
import { commits } from "./journal/commits.ts"
import { folds } from "./journal/folds.ts"
import { handover } from "./journal/handover.ts"
import { work } from "./journal/work.ts"
import { type Services, stories } from "./journal/world.ts"

export const exerciseJournal = (name: string, world: Layer.Layer<Services, unknown>) =>
  layer(world)(`the journal in ${name}`, (it) => {
    const story = stories(it)
    commits(story)
    folds(story)
    claims(story)
    budgets(story)
    work(story)
    handover(story)
  })
