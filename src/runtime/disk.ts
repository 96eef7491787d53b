/** Small files that must survive: coordination records, identities. Big data is the engines'. */
export interface Disk {
  /** The file's bytes, or undefined when there is none. */
  read(path: string): Promise<Uint8Array | undefined>
  /**
   * Replaces a file atomically and durably: new bytes are synced under another name, renamed, and
   * the directory synced. A crash leaves the old file or the new one.
   */
  replace(path: string, bytes: Uint8Array): Promise<void>
}
