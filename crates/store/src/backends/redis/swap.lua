-- KEYS: for each user the index of the bucket and the user. ARGV: for each entry how many keys further its user is, its
-- field, the value that it must hold ('' for none), the one that takes its place, and when that ends if ever. Answers 1
-- for each that held it, and 0.
local answers, key = {}, 0
for at = 1, #ARGV, 5 do
  key = key + ARGV[at]
  local user, field = KEYS[key], ARGV[at + 1]
  local holds = (call('HGET', user, field) or '') == ARGV[at + 2]
  if holds then
    hold(KEYS[key - 1], user, field, ARGV[at + 3], tonumber(ARGV[at + 4]))
  end
  answers[#answers + 1] = holds and 1 or 0
end
return answers
