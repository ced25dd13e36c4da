-- For wrk: asks for the paths of a file one after the other, and tells what came of it.
-- TILES names the file; a path is asked for again when all others were.

local paths = {}
for line in io.lines(os.getenv("TILES")) do
  paths[#paths + 1] = line
end
local last = 0

function request()
  last = last % #paths + 1
  return wrk.format("GET", paths[last])
end

function done(summary, latency, requests)
  local errors = summary.errors
  local failures = errors.connect + errors.read + errors.write + errors.status + errors.timeout
  io.write(string.format(
    "RESULT %d %d %d %d %d %d\n",
    summary.requests, summary.duration, failures,
    latency:percentile(50), latency:percentile(99), #paths))
end
