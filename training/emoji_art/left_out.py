"""Things the network was taught that the gallery does not offer: recoloured, they may come too close to a copy.

The network can still be asked for them; then the gallery says so. How they were found is in WHY, which the model's
card repeats; `evaluate --kinds every` lists what comes too close, `--kinds recoloured` measures what is left.
"""

WHY = """\
How the things to leave out were found: 1,275 pairs of a taught thing and a colour kept from it have a right answer that
can be told from every training picture. 640 of them were drawn, once, in 8 steps: nearly all whose right answer is less
than 26 from a training picture, and 150 others. 13 pictures came closer than a copy, none of them among the 150. Of the
13, five were nearest to the same thing in a colour it was taught (an orange nose came out yellow), eight to another
thing of nearly the same design in the asked colour (hearts, medals, apples, moons). What came closer than 1.3 copies
was left out; then 1 of 313 fresh pictures came closer than a copy (a white magic wand, 0.91 copies), so it went too and
the margin was widened, once, to 1.4 copies. Of fresh pictures, all of other prompts and seeds, none of 118 then came
closer, 1 of 229 did (a bento box, 0.99 copies), and without that thing none of 191: those of the numbers above. All but
the last two samples were drawn in bfloat16, about 0.8 of 255 from float32."""
LEFT_OUT = frozenset(
    """
1st place medal, 2nd place medal, 3rd place medal, baby bottle, beans, bell pepper, bento box, beverage box, biting lip,
black heart, black nib, blue book, bomb, boy, bread, briefcase, canned food, card index dividers, carousel horse,
child, cloud with rain, coffin, crying cat, cup with straw, curling stone, diamond suit, dog, donkey, door,
drop of blood, droplet, face with hand over mouth, field hockey, fish cake with swirl, flat shoe, flute,
front-facing baby chick, glasses, goose, gorilla, green apple, growing heart, hamburger, hammer and wrench,
hatching chick, high voltage, honey pot, hook, horse face, houses, inbox tray, japanese castle, key, kissing cat,
koala, lab coat, last quarter moon, left speech bubble, leg, light rail, link, lizard, lobster, locked with key,
lotion bottle, magic wand, mending heart, monkey face, nose, outbox tray, paintbrush, pear, pensive face, person,
person standing, pie, pig nose, pineapple, plunger, prince, purse, puzzle piece, red apple, reminder ribbon,
rice ball, right anger bubble, ringed planet, roasted sweet potato, rocket, roller coaster, round pushpin, sauropod,
smiling face with open hands, snail, snowman without snow, softball, sponge, spoon, straight ruler, sun, sunglasses,
sweat droplets, syringe, t-shirt, tangerine, tokyo tower, tooth, toothbrush, waffle, waning crescent moon,
water pistol, white heart, wine glass, woman, woman's clothes, woman's sandal, wood, yarn
""".strip()
    .replace("\n", " ")
    .split(", ")
)
