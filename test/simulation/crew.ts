/** Work spread over the cores: each takes the next piece when it is done with one. */
import { availableParallelism } from "node:os"
import { isMainThread, parentPort, threadId, Worker, workerData } from "node:worker_threads"
import { where } from "./stores.ts"
import { type Done, doWork, type How, type Work } from "./work.ts"

export const crewMax = availableParallelism()

interface Place extends How {
  readonly database: string | null
}

/** Until all is done, or `onDone` has had enough. */
export const together = (all: ReadonlyArray<Work>, how: How, onDone: (done: Done) => boolean): Promise<void> =>
  new Promise((resolve, reject) => {
    const waiting = [...all]
    const size = Math.min(how.databases?.length ?? crewMax, all.length)
    let working = size
    const workers = Array.from({ length: size }, (_, index) => {
      const place: Place = { ...how, database: how.databases?.[index] ?? null }
      return new Worker(new URL(import.meta.url), { workerData: place })
    })
    const end = () => {
      for (const worker of workers) void worker.terminate()
      resolve()
    }
    const next = (worker: Worker) => {
      const work = waiting.shift()
      if (work !== undefined) worker.postMessage(work)
      else if (--working === 0) end()
    }
    for (const worker of workers) {
      worker.on("error", (error) => {
        end()
        reject(error)
      })
      worker.on("message", (done: Done) => {
        if (onDone(done)) end()
        else next(worker)
      })
      next(worker)
    }
    if (size === 0) end()
  })

const isOfCrew = !isMainThread && threadId !== 0 && (workerData as Partial<Place> | null)?.milder !== undefined
if (isOfCrew) {
  const place = workerData as Place
  if (place.database !== null) where.stores = (await import("./postgres.ts")).inPostgres(place.database)
  parentPort!.on("message", (work: Work) => parentPort!.postMessage(doWork(work, place)))
}
