/** Faults that earlier systems had, each a story that ends badly where it is possible again. */
import { actionScenarios } from "./scenarios-actions.ts"
import { hostScenarios } from "./scenarios-hosts.ts"
import { networkScenarios } from "./scenarios-network.ts"
import { reconcileScenarios } from "./scenarios-reconcile.ts"
import { sandboxScenarios } from "./scenarios-sandboxes.ts"
import { serviceScenarios } from "./scenarios-services.ts"

export const scenarios: Readonly<Record<string, () => void>> = {
  ...sandboxScenarios,
  ...hostScenarios,
  ...reconcileScenarios,
  ...networkScenarios,
  ...actionScenarios,
  ...serviceScenarios
}
