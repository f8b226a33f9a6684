export const vetoOf = (
  _asked: string,
  _cached: string,
  _selected?: ReadonlySet<string>,
): string | undefined => undefined
