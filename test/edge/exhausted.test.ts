// What we lack ourselves is no evidence against a version: otherwise a node that is out of file
// descriptors would roll back whatever is being rolled out.

import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import t from 'tap'
import { unfollowed } from '../../bench/lab/children.ts'

await t.test('a node without file descriptors answers 503 and blames no version', async (t) => {
  const script = join(import.meta.dirname, 'exhausted.ts')
  const command = 'ulimit -n 100 && exec "$0" "$1"'
  const run = promisify(execFile)
  const { NODE_COMPILE_CACHE, PATH } = process.env
  const { args, file } = unfollowed(['sh', '-c', command, process.execPath, script])
  const { stdout } = await run(file, args, {
    env: { NODE_COMPILE_CACHE, PATH },
    timeout: 60_000,
  })
  t.same(JSON.parse(stdout), {
    status: 503,
    error: 'overload',
    after: 200,
    candidate: { overload: 1, ok: 1, evidenceGood: 1 },
    stable: {},
  })
})
