/** Thrown through a script when its turn was cancelled. */
export class Cancelled extends Error {
  override readonly name = "Cancelled"
}
