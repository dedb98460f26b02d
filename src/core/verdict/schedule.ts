// How much new belief the tests may take in, and when. Each test is a mixture over the moment at
// which the bug begins; γ is the weight of a moment. All weights of a rollout add up to at most 1,
// however many raises there are and however long it lasts: 0.7 for raises (a new weight is when
// bugs show), 0.3 for time (a bug may also begin at night). Blocks of time double in length and
// their shares fall like 1/k², so the guard never goes deaf. (A mixture over the
// beginning of a change: weighted Shiryaev–Roberts; e-detectors, Shin, Ramdas and Rinaldo.)

const RAISES = 0.7
const TIME = 0.3
const FIRST_BLOCK_SECONDS = 900

/** γ of the i-th raise, i from 1. Their sum over all i is 0.7. */
export function raiseShare(i: number): number {
  return RAISES / (i * (i + 1))
}

/** γ that all moments before `ms` are entitled to together; grows from 0 towards 0.3. */
function timeShareUntil(ms: number): number {
  const blocks = ms / 1000 / FIRST_BLOCK_SECONDS
  const k = Math.floor(Math.log2(blocks + 1))
  const begin = 2 ** k - 1
  const share = TIME / ((k + 1) * (k + 2))
  const earlier = TIME * (1 - 1 / (k + 1))
  return earlier + share * ((blocks - begin) / 2 ** k)
}

/** γ of the time from `fromMs` to `toMs` of a rollout's own clock. */
export function timeShare(fromMs: number, toMs: number): number {
  if (!(toMs > fromMs)) return 0
  return Math.max(0, timeShareUntil(toMs) - timeShareUntil(fromMs))
}
