/** The servers of a cluster, in memory: what adapters/postgres/nodes.ts promises, by the clock of this process. For tests. */
import { Clock, Effect } from "effect"
import { nodeLeaseMs, nodeUnwellMs } from "../../runtime/limits.ts"
import type { Node, Nodes } from "../../runtime/nodes.ts"

interface NodeRow extends Node {
  readonly number: number
  readonly healthy: boolean
  readonly hasLeft: boolean
  readonly renewals: number
  readonly untilMs: number
}

export interface NodesState {
  /** By their addresses. */
  readonly nodes: Map<string, NodeRow>
  /** Who holds a shard; free where that one's lease has run out. */
  readonly holders: Map<string, string>
}

export const emptyNodes = (): NodesState => ({ nodes: new Map(), holders: new Map() })

export const memoryNodes = ({ nodes, holders }: NodesState = emptyNodes()): Nodes["Service"] => {
  const at = <A>(answer: (nowMs: number) => A) => Effect.map(Clock.currentTimeMillis, answer)
  const isAlive = (address: string, nowMs: number) => (nodes.get(address)?.untilMs ?? nowMs) > nowMs
  const shardsOf = (address: string) => [...holders].flatMap(([shard, holder]) => (holder === address ? [shard] : []))
  const change = (address: string, next: (row: NodeRow) => Partial<NodeRow>): NodeRow | null => {
    const row = nodes.get(address)
    if (row === undefined) return null
    const changed = { ...row, ...next(row) }
    nodes.set(address, changed)
    return changed
  }

  return {
    enter: (node, healthy) =>
      at((nowMs) => {
        const number = nodes.get(node.address)?.number ?? Math.max(0, ...[...nodes.values()].map((row) => row.number)) + 1
        nodes.set(node.address, { ...node, number, healthy, hasLeft: false, renewals: 0, untilMs: nowMs + nodeLeaseMs })
        return number
      }),

    leave: (address) =>
      at((nowMs) => void change(address, ({ untilMs }) => ({ hasLeft: true, untilMs: Math.min(untilMs, nowMs) }))),

    all: at((nowMs) =>
      [...nodes.values()]
        .sort((left, right) => (left.address < right.address ? -1 : 1))
        .map(({ address, runner, name, sandboxHost, healthy, untilMs }) => ({
          ...{ address, runner, name, sandboxHost, healthy },
          shards: shardsOf(address).length,
          goneForMs: untilMs > nowMs ? null : nowMs - untilMs
        }))
    ),

    holder: (shard) =>
      at((nowMs) => {
        const node = nodes.get(holders.get(shard) ?? "")
        return node !== undefined && node.untilMs > nowMs ? node.name : null
      }),

    judge: (address, healthy) =>
      at(
        (nowMs) =>
          void change(address, ({ untilMs }) => ({
            healthy,
            untilMs: healthy ? untilMs : Math.min(untilMs, nowMs + nodeUnwellMs)
          }))
      ),

    acquire: (address, shards) =>
      at((nowMs) => {
        if (!isAlive(address, nowMs)) return []
        const held = shards.filter((shard) => {
          const holder = holders.get(shard)
          return holder === undefined || holder === address || !isAlive(holder, nowMs)
        })
        for (const shard of held) holders.set(shard, address)
        return held
      }),

    renew: (address, heard) =>
      at((nowMs) => {
        if (nodes.get(address)?.hasLeft !== false) return { heard, shards: [] }
        const row = change(address, ({ renewals, untilMs }) => ({
          renewals: renewals + 1,
          untilMs: renewals === heard ? nowMs + nodeLeaseMs : untilMs
        }))
        return { heard: row?.renewals ?? heard, shards: shardsOf(address) }
      }),

    release: (address, shards) =>
      Effect.sync(() => {
        for (const shard of shards === "all" ? shardsOf(address) : shards)
          if (holders.get(shard) === address) holders.delete(shard)
      })
  }
}
