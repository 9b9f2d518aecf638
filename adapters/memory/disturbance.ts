/**
 * What can befall a call to a store in memory. `unavailable` and `refused`: nothing is written, and the caller is told so. Lost: the
 * connection broke and the caller cannot know; with the question nothing is written, with the answer everything is.
 */
export type Disturbance = "unavailable" | "refused" | "questionLost" | "answerLost"
