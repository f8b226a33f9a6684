/**
 * Words about how a question is phrased, not what it is about. Each one makes guards more permissive: no word that can
 * reverse an answer belongs here.
 */
export const STOP_WORDS: ReadonlySet<string> = new Set(
  `a an the this that these those there here it its itself
i me my mine myself we us our ours you your yours he him his she her hers they them their theirs one ones
am is are was were be been being do does did done doing have has had having
will would shall should can could may might must
what which who whom whose where when why how
and or but so then than as of at by for in into on onto to from with about
if because since while
please pls kindly thanks thank hello hi hey sorry excuse sir madam ok okay well oh yeah actually basically
just really very also too even only some any
tell know let explain describe wonder wondering ask asking question help helping assist advise show give want
wanted wants need needs needed like liked love trying try tried looking look
guys guy somebody someone anyone anybody everyone something anything thing things stuff
get gets getting got
go goes going
way ways possible able
like such exactly right
s t d m re ve ll`
    .split(/\s+/)
    .filter(Boolean),
)
