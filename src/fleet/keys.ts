// The names of what the fleet keeps in Redis. What belongs together has one hash tag, the part in
// braces, so that a Cluster keeps it on one server and one script can touch all of it.

export interface Keys {
  /** A hash: the document of a service and its place in history. */
  document(service: string): string
  /** A stream; null: of what is about nodes and not about a service. */
  journal(service: string | null): string
  /** A hash: who leads. */
  readonly lease: string
  /** A hash: a field a node. */
  readonly nodes: string
  /** The channel that all nodes hear. */
  readonly everybody: string
  /** The channel that one node hears. */
  mailbox(node: string): string
}

export function keysUnder(prefix: string): Keys {
  return {
    document: (service) => `${prefix}{svc:${service}}:doc`,
    journal: (service) =>
      service === null ? `${prefix}{fleet}:journal` : `${prefix}{svc:${service}}:journal`,
    lease: `${prefix}{fleet}:lease`,
    nodes: `${prefix}{fleet}:nodes`,
    everybody: `${prefix}fleet`,
    mailbox: (node) => `${prefix}to:${node}`,
  }
}
