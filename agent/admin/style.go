package admin

// pageHead begins the page; its one argument is the title. It asks for nothing
// from elsewhere and runs no script; the browser reloads it now and then.
const pageHead = `<!doctype html>
<html lang=en><head><meta charset=utf-8><meta name=viewport content="width=device-width,initial-scale=1">
<meta http-equiv=refresh content=30><meta name=color-scheme content="light dark"><title>%s · logmeter</title>
<style>
:root{--back:#f6f7f9;--card:#fff;--text:#1a2029;--soft:#5c6673;--line:#dfe3e8;--bar:#3b6fd4;--ok:#1c7c4a;--warning:#a96500;--problem:#c2271f}
@media (prefers-color-scheme:dark){:root{--back:#12161c;--card:#1b2129;--text:#e6eaf0;--soft:#9aa5b3;--line:#2e3742;--bar:#6c9bf5;--ok:#4fc283;--warning:#e8ab48;--problem:#f4766d}}
*{box-sizing:border-box}body{margin:0;background:var(--back);color:var(--text);font:15px/1.5 system-ui,sans-serif}
header,main{max-width:64rem;margin:0 auto;padding:0 1rem}header{display:flex;flex-wrap:wrap;align-items:baseline;gap:0 1rem;padding-top:1.2rem}
h1{font-size:1.5rem;margin:0}header p,.note,small,.none{color:var(--soft)}h2{font-size:1.05rem;margin:0 0 .6rem}small{font-weight:400}
section{background:var(--card);border:1px solid var(--line);border-radius:.5rem;padding:1rem;margin:1rem 0}
.answers{display:grid;grid-template-columns:repeat(auto-fit,minmax(15rem,1fr));gap:1rem;padding:0;border:0;background:none}
.answers div{background:var(--card);border:1px solid var(--line);border-top:.3rem solid var(--ok);border-radius:.5rem;padding:.8rem 1rem}
.answers .warning{border-top-color:var(--warning)}.answers .problem{border-top-color:var(--problem)}
.answers h2{color:var(--soft);font-size:.9rem;font-weight:500;margin:0}.answers p{font-size:1.1rem;font-weight:600;margin:.2rem 0 0;overflow-wrap:anywhere}
article{border-left:.25rem solid var(--warning);padding-left:.8rem;margin:.8rem 0}article.problem{border-color:var(--problem)}
article h3{font-size:.85rem;margin:0;color:var(--warning)}article.problem h3{color:var(--problem)}article p{margin:.1rem 0;overflow-wrap:anywhere}.hint{color:var(--soft)}
.wide{overflow-x:auto}table{border-collapse:collapse;width:100%%;font-size:.9rem}th{color:var(--soft);font-weight:500;text-align:left}
th,td{padding:.3rem .6rem .3rem 0;border-bottom:1px solid var(--line);vertical-align:top;white-space:nowrap}.w{white-space:normal;overflow-wrap:anywhere;min-width:8rem}
.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}.sum td{font-weight:600}.note{font-size:.85rem;margin:.5rem 0 0}
svg{width:100%%;height:auto;display:block;margin-bottom:.8rem}.bar{fill:var(--bar)}.open{opacity:.5}.floor{fill:transparent}g:hover .floor{fill:var(--line)}
svg text{fill:var(--soft);font-size:11px;text-anchor:middle}dl{display:grid;grid-template-columns:max-content 1fr;gap:.2rem 1rem;margin:0}dt{color:var(--soft)}dd{margin:0;overflow-wrap:anywhere}
</style></head><body>
`
