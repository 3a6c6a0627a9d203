# awk -f spirals.awk: three arms that run from radius 0.1 to 1 and turn by 4 radians on the way.
BEGIN {
    print "x,y,arm"
    for (i = 0; i < 384; i++) {
        radius = 0.1 + 0.9 * (i * 37 % 384) / 384
        angle = 2 * 3.14159265358979 * (i % 3) / 3 + 4 * radius
        printf "%.6f,%.6f,%d\n", radius * cos(angle), radius * sin(angle), i % 3
    }
}
