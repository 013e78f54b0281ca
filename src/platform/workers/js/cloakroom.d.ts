// The module that the build makes of the Rust side: see task.rs and entry.rs.

declare module "cloakroom" {
  /** A future of the Rust side, and the promise that it waits for. */
  export class Task {
    /** Begins to serve a request. */
    serve(request: Request, env: unknown, context: ExecutionContext): void;
    /** Goes on after a wait; returns the next promise, or the outcome if `ticket` is 0 afterwards. */
    resume(ticket: number, fulfilled: boolean, value: unknown): any;
    /** The number of the present wait, or 0 if the task is done. */
    readonly ticket: number;
    /** How long the present wait may take. */
    readonly limitMs: number;
    /** Whether the outcome is an error. */
    readonly failed: boolean;
  }
  /** Makes a new instance of the program, in which all of its functions run from then on. */
  export function __wbg_reset_state(): void;
  /** Returns the object in which a panic leaves a mark. */
  export function __worker_init_state(): { criticalError: boolean };
}
