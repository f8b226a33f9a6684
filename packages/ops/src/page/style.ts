/** Style sheet of the page: light and dark by the reader's setting, one column on a phone, black on white in print. */
export const STYLE = `
:root { color-scheme: light dark; --page: #f6f7f9; --card: #ffffff; --ink: #14171c; --dim: #57606c; --line: #e2e5ea;
  --good: #0b7a4b; --bad: #c0281c; --open: #8a5a00; --good-page: #e3f5ec; --bad-page: #fdeae8; --open-page: #fbf1d9;
  --c1: #1f6fd1; --c2: #d98200; --c3: #0f8f63; --c4: #a94fb5; --c5: #3ba7c9; --c6: #c8452f; }
@media (prefers-color-scheme: dark) { :root { --page: #0f1216; --card: #181c22; --ink: #e8ebef; --dim: #a0a9b5;
  --line: #2c323b; --good: #4fd093; --bad: #ff8578; --open: #f0c060; --good-page: #12301f; --bad-page: #3a1a17;
  --open-page: #352a10; --c1: #6aa9f7; --c2: #f0a53a; --c3: #45c795; --c4: #d18adb; --c5: #6fd0ec; --c6: #f2806c; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--ink); font: 16px/1.45 system-ui, -apple-system, "Segoe UI",
  Roboto, "Liberation Sans", Arial, sans-serif; }
main { max-width: 1120px; margin: 0 auto; padding: 20px 16px 40px; }
h1 { font-size: 20px; margin: 0; } h2 { font-size: 18px; margin: 32px 0 12px; }
.range { color: var(--dim); margin: 2px 0 16px; }
.verdict { border-radius: 10px; padding: 16px 18px; border-left: 8px solid; }
.verdict p { margin: 0; } .verdict .headline { font-size: 22px; line-height: 1.3; font-weight: 650; margin-bottom: 6px; }
.met { --tone: var(--good); --tone-page: var(--good-page); } .missed { --tone: var(--bad); --tone-page: var(--bad-page); }
.unknown { --tone: var(--open); --tone-page: var(--open-page); }
.verdict { background: var(--tone-page); border-color: var(--tone); } .verdict .headline { color: var(--tone); }
.cards { display: grid; gap: 12px; grid-template-columns: repeat(auto-fill, minmax(240px, 1fr)); margin: 16px 0 0; padding: 0; list-style: none; }
.card, figure, .table { background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 14px; margin: 0; min-width: 0; }
.card { border-top: 4px solid var(--tone); } .card p { margin: 0; }
.card .title { display: flex; justify-content: space-between; gap: 8px; color: var(--dim); }
.chip { color: var(--tone); font-weight: 650; white-space: nowrap; }
.card .value { font-size: 26px; font-weight: 650; margin: 2px 0; } .card .value small { font-size: 14px; font-weight: 400; color: var(--dim); display: block; }
.card .detail { color: var(--dim); font-size: 14px; overflow-wrap: anywhere; }
.plots { display: grid; gap: 12px; grid-template-columns: repeat(2, minmax(0, 1fr)); }
figcaption { font-weight: 650; margin-bottom: 6px; }
figure svg { display: block; width: 100%; height: auto; }
.legend { list-style: none; display: flex; flex-wrap: wrap; gap: 2px 14px; margin: 0 0 4px; padding: 0; font-size: 13px; color: var(--dim); }
.legend li { overflow-wrap: anywhere; } .swatch, .dash { display: inline-block; width: 11px; height: 11px; border-radius: 2px; margin-right: 5px;
  background: currentColor; } .dash { height: 0; width: 16px; border-radius: 0; background: none; border-top: 2px dashed; vertical-align: middle; }
.narrow { display: none; }
.table { overflow-x: auto; padding: 4px 14px; } table { border-collapse: collapse; width: 100%; font-size: 14px; }
th, td { text-align: right; padding: 7px 0 7px 14px; border-top: 1px solid var(--line); font-variant-numeric: tabular-nums; vertical-align: top; }
thead th { border-top: 0; color: var(--dim); font-weight: 500; vertical-align: bottom; }
tbody th { font-weight: 500; } th:first-child { text-align: left; padding-left: 0; overflow-wrap: anywhere; min-width: 9em; }
td { white-space: nowrap; } td.long { white-space: normal; } th.text, td.text { text-align: left; }
td.text { white-space: normal; overflow-wrap: anywhere; } td small, th small { display: block; color: var(--dim); font-weight: 400; }
.meter { display: block; height: 6px; border-radius: 3px; background: var(--line); margin-top: 4px; min-width: 60px; overflow: hidden; }
.meter span { display: block; height: 100%; background: var(--c1); } .over { color: var(--bad); }
.notes { color: var(--dim); font-size: 14px; }
@media (max-width: 760px) { .plots { grid-template-columns: minmax(0, 1fr); } }
@media (min-width: 761px) and (max-width: 1000px) { .wide { display: none; } .narrow { display: block; } }
@media (max-width: 520px) {
  .wide { display: none; } .narrow { display: block; } main { padding: 14px 12px 32px; } .verdict .headline { font-size: 20px; }
  .cards { grid-template-columns: minmax(0, 1fr); gap: 8px; }
  .table table, .table tbody, .table tr { display: block; } .table thead { display: none; }
  .table tr { border-top: 1px solid var(--line); padding: 8px 0; } .table tr:first-child { border-top: 0; }
  .table tbody th { display: block; border: 0; padding: 0 0 2px; font-weight: 650; }
  .table td, .table td.text { display: flex; justify-content: space-between; gap: 12px; border: 0; padding: 1px 0; white-space: normal; text-align: right; }
  .table td::before { content: attr(data-label); color: var(--dim); text-align: left; white-space: nowrap; } .meter { display: none; }
}
@media print {
  :root { color-scheme: light; --page: #ffffff; --card: #ffffff; --ink: #000000; --dim: #444444; --line: #cccccc; --good: #0b7a4b; --bad: #c0281c;
    --open: #8a5a00; --good-page: #ffffff; --bad-page: #ffffff; --open-page: #ffffff; --c1: #1f6fd1; --c2: #d98200; --c3: #0f8f63; --c4: #a94fb5;
    --c5: #3ba7c9; --c6: #c8452f; }
  body { font-size: 12px; print-color-adjust: exact; -webkit-print-color-adjust: exact; } main { max-width: none; padding: 0; }
  .card, figure, tr, .verdict { break-inside: avoid; } h2 { break-after: avoid; margin-top: 18px; } .table { overflow: visible; }
  .cards { grid-template-columns: repeat(3, 1fr); } .plots { grid-template-columns: repeat(2, minmax(0, 1fr)); }
  .wide { display: none; } .narrow { display: block; } .table { padding: 2px 8px; } table { font-size: 11px; }
  th, td { padding-left: 8px; }
}
@page { margin: 14mm; }
`
