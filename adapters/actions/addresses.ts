/**
 * Which addresses a connector may be reached at: those of the public internet. The name is resolved here, every address of it is
 * looked at, and the connection is made to one that was: what the name says a moment later changes nothing. Hosts and ports that
 * the operator opened are reached wherever they are, and by plain http.
 */
import { type LookupAddress, lookup as resolveName } from "node:dns"
import { BlockList, isIP, type LookupFunction } from "node:net"
import { WireFailure } from "./failure.ts"

const inside = new BlockList()
for (const [network, prefix] of [
  ["0.0.0.0", 8],
  ["10.0.0.0", 8],
  ["100.64.0.0", 10],
  ["127.0.0.0", 8],
  ["169.254.0.0", 16],
  ["172.16.0.0", 12],
  ["192.0.0.0", 24],
  ["192.0.2.0", 24],
  ["192.31.196.0", 24],
  ["192.52.193.0", 24],
  ["192.88.99.0", 24],
  ["192.168.0.0", 16],
  ["192.175.48.0", 24],
  ["198.18.0.0", 15],
  ["198.51.100.0", 24],
  ["203.0.113.0", 24],
  ["224.0.0.0", 3]
] as const)
  inside.addSubnet(network, prefix, "ipv4")

/** Of IPv6 only what is given out as public is; of that, what carries an IPv4 address within is not. */
const publicSix = new BlockList()
publicSix.addSubnet("2000::", 3, "ipv6")
const insideSix = new BlockList()
for (const [network, prefix] of [
  ["2001::", 23],
  ["2001:db8::", 32],
  ["2002::", 16],
  ["2620:4f:8000::", 48],
  ["3fff::", 20]
] as const)
  insideSix.addSubnet(network, prefix, "ipv6")

export const isPublic = (address: string): boolean => {
  const family = isIP(address)
  if (family === 4) return !inside.check(address, "ipv4")
  return family === 6 && publicSix.check(address, "ipv6") && !insideSix.check(address, "ipv6")
}

const refused = (host: string) =>
  new WireFailure(`${host} is no public address; the operator can open it by PROLIFERATE_CONNECTOR_HOSTS=host:port`)

const lookup: LookupFunction = (host, options, done) =>
  resolveName(host, { ...options, all: true }, (error, found: ReadonlyArray<LookupAddress>) => {
    if (error !== null) return done(error, "", 0)
    // One inside address among public ones is how a name is bent: none of them is used.
    const bad = found.find(({ address }) => !isPublic(address))
    const first = found[0]
    if (bad !== undefined || first === undefined) return done(refused(host), "", 0)
    if (options.all === true) return done(null, [...found])
    done(null, first.address, first.family)
  })

/** How the host of this URL is looked up; null: as always. Throws where it must not be spoken to. `open: null` trusts all. */
export const openAddress = (url: URL, open: ReadonlySet<string> | null): { readonly lookup: LookupFunction | null } => {
  if (url.protocol !== "https:" && url.protocol !== "http:") throw new WireFailure(`${url.protocol} is not spoken here`)
  const port = url.port || (url.protocol === "https:" ? "443" : "80")
  if (open === null || open.has(`${url.hostname}:${port}`)) return { lookup: null }
  if (url.protocol !== "https:") throw new WireFailure(`${url.host} is asked for by http: only https is spoken to it`)
  const host = url.hostname.replace(/^\[|\]$/g, "")
  if (isIP(host) !== 0 && !isPublic(host)) throw refused(host)
  return { lookup }
}
