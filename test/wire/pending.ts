// Cases that say what the engine must do and does not do yet, by `table: title`, each with the
// reason. A case leaves this list as soon as it holds; it is told when it does.

export const PENDING: Readonly<Record<string, string>> = {}
