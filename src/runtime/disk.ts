/** Small files that must survive: coordination records, identities. Big data is the engines'. */
export interface Disk {
  /** The file's bytes, or undefined when there is none. */
  read(path: string): Promise<Uint8Array | undefined>
  /**
   * Replaces a file atomically and durably: new bytes are synced under another name, renamed, and
   * the directory synced. A crash leaves the old file or the new one.
   */
  replace(path: string, bytes: Uint8Array): Promise<void>
  /**
   * Bytes that this process may still write where `path` lies: 0 on a read-only file system. It
   * answers at once, in microseconds, so that it can be asked before every commit.
   */
  roomBytes(path: string): number
}
