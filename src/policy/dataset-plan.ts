/** What becomes of one dataset, or of one partition of it, when another policy comes into force. */
import type { RegionId } from '../model/slot.ts'
import type { CitedLaw } from './cited-laws.ts'
import type { Right } from './right.ts'

export interface Consequence {
  readonly kind: 'copy' | 'erase' | 'homes' | 'registrars' | 'serve' | 'records' | 'settings'
  readonly text: string
}

export type DatasetChange =
  | 'dataset added'
  /** It is not in the file any more: it stays in force until it is erased by name. */
  | 'dataset left out'
  | 'partition added'
  | 'partition removed'
  | 'changed'

export interface DatasetPlan {
  /** `cities`, or `tenants/eu/`. */
  readonly id: string
  readonly change: DatasetChange
  readonly gained: Readonly<Record<Right, readonly RegionId[]>>
  readonly lost: Readonly<Record<Right, readonly RegionId[]>>
  /** Slots whose registrar is another region afterwards, of all. */
  readonly registrars: { readonly moved: number; readonly slots: number }
  /** Other settings that change, in words. */
  readonly settings: readonly string[]
  /** Rule packs that it claims to satisfy afterwards. */
  readonly law: readonly CitedLaw[]
  readonly consequences: readonly Consequence[]
}
