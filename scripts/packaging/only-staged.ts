// The `prepack` of packages that hold bundles: packed where they are developed they would lack the bundles' checksums and the
// licences of what is bundled, and ask npm for packages that are not published.
console.error(`${process.env.npm_package_name} is packed by "npm run pack", with the bundles it needs`);
process.exit(1);
