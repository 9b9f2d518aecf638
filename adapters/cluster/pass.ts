/** What nodes with the same key know each other by. Said with every question: the port of the nodes obeys whoever says it. */
import { createHmac, timingSafeEqual } from "node:crypto"

export const passOf = (key: Uint8Array): string => createHmac("sha256", key).update("proliferate cluster").digest("base64url")

export const isPass = (key: Uint8Array, said: string): boolean => {
  const [known, given] = [Buffer.from(passOf(key)), Buffer.from(said)]
  return given.length === known.length && timingSafeEqual(given, known)
}
