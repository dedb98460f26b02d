// The admin address: a flag wins over the environment, the environment over the config file, the
// file over the default.

import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { findAdmin } from '../../src/cli/context.ts'
import { startAdmin } from '../admin/harness.ts'
import { cli } from './run-cli.ts'

const TOKEN = 'sixteen-characters-or-more'

await t.test(
  'the admin address and its token are taken from the config that is named',
  async (t) => {
    const admin = await startAdmin({ token: TOKEN })
    t.teardown(() => admin.stop())
    const { port } = new URL(admin.url)
    const file = join(admin.stateDir, 'vertex.yaml')
    const versions =
      'versions: { v1: { targets: [http://127.0.0.1:1] } }\nrouting: { stable: v1 @ 100% }\n'
    await writeFile(file, `admin: 0.0.0.0:${port}\nadmin_token: ${TOKEN}\n${versions}`)
    const bad = join(admin.stateDir, 'bad.yaml')
    await writeFile(bad, 'admim: 1\n')
    const [named, fromEnv, broken, flagWins] = await Promise.all([
      cli(`status -c ${file}`),
      cli('status', { env: { VERTEX_CONFIG: file } }),
      cli(`status -c ${bad}`),
      cli(`status -c ${bad} --admin ${admin.url}`, { env: { VERTEX_ADMIN_TOKEN: TOKEN } }),
    ])
    t.equal(named.code, 0, named.stderr)
    t.equal(fromEnv.code, 0, fromEnv.stderr)
    t.equal(broken.code, 3)
    const why =
      'bad.yaml:1:1: Cannot use the key "admim" as it is unknown here: did you mean admin?'
    t.match(broken.stderr, /^Cannot take the admin address from [^\n]+ as it has mistakes: /)
    t.match(broken.stderr, `${why}. Name the address with --admin`, 'the first of them')
    t.equal(flagWins.code, 0, flagWins.stderr)
  },
)

await t.test('who has named no address is told how to name one', async (t) => {
  const hint = 'Name another address with --admin, or a config file with -c'
  const usual = { url: 'http://127.0.0.1:9900', token: null, hint }
  t.strictSame(await findAdmin({}, {}), { ok: true, value: usual })
  const named = { url: 'http://127.0.0.1:1', token: null }
  t.strictSame(await findAdmin({ admin: named.url }, {}), { ok: true, value: named })
})
