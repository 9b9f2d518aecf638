/**
 * Questions that are asked in one turn of the loop, in one statement: what a host asks of thousands of actors at its start costs a
 * round trip for each otherwise. One that is alone leaves as soon. A statement that fails has answered none of them.
 */

/** More wait longer for their answer than they save. */
const questionsMax = 256
/** Statements at once: connections are left to others. */
const statementsMax = 4

interface Asked<Question, Answer> {
  readonly question: Question
  readonly resolve: (answer: Answer) => void
  readonly reject: (cause: unknown) => void
}

/** `ask` answers in the order of its questions. */
export const together = <Question, Answer>(
  ask: (questions: ReadonlyArray<Question>) => Promise<ReadonlyArray<Answer>>
): ((question: Question) => Promise<Answer>) => {
  let waiting: Array<Asked<Question, Answer>> = []
  let [underWay, isGathering] = [0, false]

  const send = async (batch: ReadonlyArray<Asked<Question, Answer>>): Promise<void> => {
    try {
      const answers = await ask(batch.map(({ question }) => question))
      for (const [index, { resolve }] of batch.entries()) resolve(answers[index]!)
    } catch (cause) {
      for (const { reject } of batch) reject(cause)
    }
    underWay -= 1
    pump()
  }

  const pump = (): void => {
    isGathering = false
    while (underWay < statementsMax && waiting.length > 0) {
      const batch = waiting.slice(0, questionsMax)
      waiting = waiting.slice(questionsMax)
      underWay += 1
      void send(batch)
    }
  }

  return (question) =>
    new Promise((resolve, reject) => {
      waiting.push({ question, resolve, reject })
      if (isGathering || underWay >= statementsMax) return
      isGathering = true
      queueMicrotask(pump)
    })
}
