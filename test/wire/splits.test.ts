// The tables of this folder, each write of client and origin cut in two, at every position in turn:
// the same must come out.

import t from 'tap'
import { checkTables } from './check.ts'

await checkTables(t, 'splits')
