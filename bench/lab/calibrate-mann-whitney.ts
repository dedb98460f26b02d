// The test that Kayenta's judge uses (Mann & Whitney 1947): whether the candidate's points lie
// above the control's by more than a quarter of the shift that is estimated between them (Hodges &
// Lehmann 1963), with 98 % confidence from both sides, so 99 % from this one.

const TOLERANCE = 0.25
const Z_99 = 2.3263

function middleOf(sorted: Float64Array): number {
  const { length } = sorted
  return ((sorted[(length - 1) >> 1] ?? 0) + (sorted[length >> 1] ?? 0)) / 2
}

/** Whether the candidate's points are classified as higher than the control's. */
export function looksHigher(candidate: readonly number[], control: readonly number[]): boolean {
  const m = candidate.length
  const n = control.length
  if (m < 2 || n < 2) return false
  const differences = new Float64Array(m * n)
  candidate.forEach((one, i) => {
    control.forEach((other, j) => {
      differences[i * n + j] = one - other
    })
  })
  differences.sort()
  const shift = middleOf(differences)
  if (!(shift > 0)) return false
  const least = TOLERANCE * shift
  let wins = 0
  for (const difference of differences) {
    wins += difference > least ? 1 : difference === least ? 0.5 : 0
  }
  const spread = Math.sqrt(varianceOf([...candidate.map((one) => one - least), ...control], m, n))
  return spread > 0 && (wins - (m * n) / 2 - 0.5) / spread > Z_99
}

/** The variance of the number of wins, less for points that are equal. */
function varianceOf(points: readonly number[], m: number, n: number): number {
  const times = new Map<number, number>()
  for (const point of points) times.set(point, (times.get(point) ?? 0) + 1)
  let ties = 0
  for (const t of times.values()) ties += t ** 3 - t
  const all = m + n
  return ((m * n) / 12) * (all + 1 - ties / (all * (all - 1)))
}
