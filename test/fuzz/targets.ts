/** The targets by name, and how many cases each gets in `npm test` and in `npm run fuzz`. */
import type { TargetModule } from './target.ts'

export interface TargetEntry {
  readonly load: () => Promise<TargetModule>
  readonly shortCases: number
  readonly longCases: number
}

const quick = { shortCases: 2_000, longCases: 50_000 }
const slow = { shortCases: 200, longCases: 20_000 }
/** Milliseconds each. */
const slowest = { shortCases: 60, longCases: 20_000 }

/** Each is loaded by the worker that runs it, and by no other. */
export const targets: Readonly<Record<string, TargetEntry>> = {
  cbor: { load: () => import('./targets/cbor.ts'), ...quick },
  json: { load: () => import('./targets/json.ts'), ...quick },
  sequence: { load: () => import('./targets/sequence.ts'), ...quick },
  key: { load: () => import('./targets/key.ts'), ...quick },
  header: { load: () => import('./targets/header.ts'), ...quick },
  cursor: { load: () => import('./targets/cursor.ts'), ...quick },
  session: { load: () => import('./targets/session.ts'), ...quick },
  authorization: { load: () => import('./targets/authorization.ts'), ...quick },
  'access-file': { load: () => import('./targets/access-file.ts'), ...slowest },
  policy: { load: () => import('./targets/policy.ts'), ...slowest },
  frames: { load: () => import('./targets/frames.ts'), ...quick },
  stored: { load: () => import('./targets/stored.ts'), ...quick },
  direct: { load: () => import('./targets/direct.ts'), ...slow },
  http: { load: () => import('./targets/http.ts'), ...slow },
  transaction: { load: () => import('./targets/transaction.ts'), ...slow },
  batch: { load: () => import('./targets/batch.ts'), ...slow },
}
