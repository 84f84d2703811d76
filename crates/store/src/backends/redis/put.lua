-- KEYS: for each user the index of the bucket and the user. ARGV: for each entry how many keys further its user is, its
-- field, its value, and when it ends if ever.
local key = 0
for at = 1, #ARGV, 4 do
  key = key + ARGV[at]
  hold(KEYS[key - 1], KEYS[key], ARGV[at + 1], ARGV[at + 2], tonumber(ARGV[at + 3]))
end
return {}
