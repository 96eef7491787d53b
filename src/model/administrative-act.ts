/** Who did what to a node, and how it ended: a line of the audit log. */
export interface AdministrativeAct {
  /** A principal (`token <id>`), or `operator` for what was done with files on this machine. */
  readonly who: string
  /** `access.load`, `policy.apply`, and the like. */
  readonly what: string
  readonly outcome: 'done' | 'refused' | 'failed'
  /** What else tells acts of this kind apart. Never keys or values. */
  readonly details?: Readonly<Record<string, string | number | readonly string[]>>
}
