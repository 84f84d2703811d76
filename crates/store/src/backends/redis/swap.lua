-- KEYS: the bucket's index, then users. ARGV: for each entry its user, its field, the value that it must hold ('' for
-- none), the one that takes its place, and when that ends if ever. Answers 1 for each that held it, and 0.
local answers = {}
for at = 1, #ARGV, 5 do
  local user, field = KEYS[tonumber(ARGV[at])], ARGV[at + 1]
  local holds = (call('HGET', user, field) or '') == ARGV[at + 2]
  if holds then
    hold(KEYS[1], user, field, ARGV[at + 3], tonumber(ARGV[at + 4]))
  end
  answers[#answers + 1] = holds and 1 or 0
end
return answers
