import type { Command } from 'commander'
import type { Terminal } from '../terminal.ts'
export function registerDoctor(program: Command, terminal: Terminal): void {
  void program
  void terminal
}
